// Compression: shared weights in a Huffman-coded file, and low-rank factors in the graph.
export { factorize, type Factorized, type FactorizeOptions, type FactorizeResult } from './factorize'
export { readCompressed, writeCompressed, type CompressedModel, type StoredWeight } from './format'
export { kmeans, shareWeights, withCentres, type Clusters, type Codebook, type Shared, type ShareOptions } from './kmeans'
