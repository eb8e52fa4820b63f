import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  buildArguments, buildEngine, checkProfiles, headerVersion, inRange, measureArguments, onnxNodesOf, parseLayerInfo, parseLayerTimes, parseInferenceTimes, profileOf, requireTensorrt,
  shapeText, tensorrtProvider, tensorrtStatus, timelineOfProfile, timelineOfTimes, trtexecVersion, type EngineFiles, type ModelInput,
} from '.'
import { busyShare } from '../timeline'
import { buildRequest, runRequest } from './engine'

const inputs: readonly ModelInput[] = [
  { name: 'x', dtype: 'float32', shape: ['N', 3, 'H', 'H'] }, { name: 'mask', dtype: 'int64', shape: ['N', 16] }, { name: 'fixed', dtype: 'float32', shape: [2, 2] },
]
const profile = profileOf(inputs, { N: { min: 1, opt: 8, max: 32 }, H: 224 })

describe('optimization profiles', () => {
  it('come from ranges of named axes, and are written as trtexec reads them', () => {
    expect(profile).toEqual({
      x: { min: [1, 3, 224, 224], opt: [8, 3, 224, 224], max: [32, 3, 224, 224] }, mask: { min: [1, 16], opt: [8, 16], max: [32, 16] },
    })
    expect(shapeText(profile, 'opt')).toBe('x:8x3x224x224,mask:8x16')
    expect(checkProfiles(inputs, [profile])[0]!['fixed']).toEqual({ min: [2, 2], opt: [2, 2], max: [2, 2] })
    expect(checkProfiles([inputs[2]!], [])).toEqual([{ fixed: { min: [2, 2], opt: [2, 2], max: [2, 2] } }])
  })
  const range = (min: number[], opt = min, max = opt) => ({ min, opt, max })
  const good = range([1, 3, 8, 8])
  it.each([
    ['no profile', [], /sizes vary/], ['unknown input', [{ y: good }], /does not have/], ['no range', [{ x: good }], /no range/],
    ['rank', [{ x: range([1, 3, 8]), mask: range([1, 16]) }], /another rank/], ['order', [{ x: range([4, 3, 8, 8], [1, 3, 8, 8], [8, 3, 8, 8]), mask: range([4, 16], [1, 16], [8, 16]) }], /out of order/],
    ['fixed size', [{ x: range([1, 4, 8, 8]), mask: range([1, 16]) }], /fixes/], ['one name, two sizes', [{ x: good, mask: range([2, 16]) }], /two sizes/],
    ['within one input', [{ x: range([1, 3, 8, 9]), mask: range([1, 16]) }], /"H" has two sizes/], ['fraction', [{ x: range([1.5, 3, 8, 8]), mask: range([1, 16]) }], /whole number/],
  ])('refused: %s', (_name, profiles, message) => {
    expect(() => checkProfiles(inputs, profiles)).toThrow(expect.objectContaining({ code: 'TENSORRT_PROFILE', message: expect.stringMatching(message) as string }))
  })
  it('refuses ranges of axes that are not there, and axes without ranges', () => {
    expect(() => profileOf(inputs, { N: 1, H: 2, W: 3 })).toThrow(/No axis/)
    expect(() => profileOf(inputs, { N: 1 })).toThrow(/"H" has no range/)
  })
  it('accepts every ordered triple, and shapes exactly within it', () => {
    fc.assert(fc.property(fc.array(fc.nat(100), { minLength: 3, maxLength: 3 }), fc.nat(120), (sizes, size) => {
      const [min, opt, max] = [...sizes].sort((a, b) => a - b) as [number, number, number]
      const one = profileOf([{ name: 'x', dtype: undefined, shape: ['N'] }], { N: { min, opt, max } })
      expect(inRange([size], one['x']!)).toBe(size >= min && size <= max)
    }))
  })
})

const files: EngineFiles = { onnx: 'm.onnx', engine: 'm.engine', times: 't.json', layerTimes: 'p.json', layerInfo: 'l.json' }
const [v10, v11] = [{ major: 10, text: '10.13.0' }, { major: 11, text: '11.4.1' }]

describe('command lines and requests', () => {
  it('of trtexec 10 and 11 differ in strong typing; neither has a flag of precision', () => {
    const of = (version: typeof v10) => buildArguments(files, { profiles: [profile], timingCache: 'tactics', optimizationLevel: 4, workspaceBytes: 2 ** 30 }, version)
    expect(of(v10)).toEqual([
      '--onnx=m.onnx', '--saveEngine=m.engine', '--skipInference', '--stronglyTyped', '--minShapes=x:1x3x224x224,mask:1x16', '--optShapes=x:8x3x224x224,mask:8x16',
      '--maxShapes=x:32x3x224x224,mask:32x16', '--timingCacheFile=tactics', '--builderOptimizationLevel=4', '--memPoolSize=workspace:1024', '--profilingVerbosity=detailed', '--exportLayerInfo=l.json',
    ])
    expect(of(v11)).toEqual(of(v10).filter((word) => word !== '--stronglyTyped'))
    expect(buildArguments(files, { profiles: [profile, profile], timingCache: false }, v11).filter((word) => word.startsWith('--profile='))).toEqual(['--profile=0', '--profile=1'])
  })
  it('of a measurement', () => {
    expect(measureArguments(files, { shapes: { x: [8, 3] }, iterations: 50, profile: 1 })).toEqual([
      '--loadEngine=m.engine', '--shapes=x:8x3', '--useProfile=1', '--iterations=50', '--duration=0', '--warmUp=200', '--useSpinWait', '--useCudaGraph', '--exportTimes=t.json', '--separateProfileRun', '--exportProfile=p.json',
    ])
    expect(measureArguments(files, { shapes: {}, cudaGraph: false, layers: false }).join(' ')).not.toMatch(/Graph|Profile|shapes/)
  })
  it('of the library\'s runner', () => {
    expect(buildRequest(files, '/l/libnvinfer.so.11', { profiles: [profile], timingCache: 'c' })).toEqual([
      'onnx\tm.onnx', 'engine\tm.engine', 'library\t/l/libnvinfer.so.11', 'parser\t/l/libnvonnxparser.so.11', 'layers\tl.json', 'cache\tc',
      'range\t0\tx\t1x3x224x224\t8x3x224x224\t32x3x224x224', 'range\t0\tmask\t1x16\t8x16\t32x16',
    ])
    expect(runRequest(files, 'l', {}, { x: [8, 3] })).toContain('shape\tx\t8x3')
  })
  it('of ONNX Runtime\'s provider', () => {
    expect(tensorrtProvider({ profile, cacheFolder: 'c', cudaGraph: true })).toEqual([{
      name: 'tensorrt', trt_profile_min_shapes: 'x:1x3x224x224,mask:1x16', trt_profile_opt_shapes: 'x:8x3x224x224,mask:8x16', trt_profile_max_shapes: 'x:32x3x224x224,mask:32x16',
      trt_engine_cache_enable: '1', trt_engine_cache_path: 'c', trt_timing_cache_enable: '1', trt_timing_cache_path: 'c', trt_cuda_graph_enable: '1',
    }, 'cuda', 'cpu'])
  })
})

// In the form of trtexec's own exporter (samples/common/sampleReporting.cpp of TensorRT 10) and of NVIDIA's migration guide for 11.
const TIMES = `[
  { "startEnqMs" : 1.0, "endEnqMs" : 1.1, "startH2dMs" : 0.9, "endH2dMs" : 1.0, "startComputeMs" : 1.0, "endComputeMs" : 3.0, "startD2hMs" : 3.0, "endD2hMs" : 3.1, "h2dMs" : 0.1, "computeMs" : 2.0, "d2hMs" : 0.1, "latencyMs" : 2.2 }
, { "startEnqMs" : 4.0, "endEnqMs" : 4.1, "startH2dMs" : 3.9, "endH2dMs" : 4.0, "startComputeMs" : 4.0, "endComputeMs" : 5.0, "startD2hMs" : 5.0, "endD2hMs" : 5.1, "h2dMs" : 0.1, "computeMs" : 1.0, "d2hMs" : 0.1, "latencyMs" : 1.2 }
]`
const PROFILE = `[
  { "count" : 4 }
, { "name" : "Reformatting CopyNode for Input Tensor 0 to /conv/Conv + /relu/Relu", "timeMs" : 2, "averageMs" : 0.5, "medianMs" : 0.4, "percentage" : 25 }
, { "name" : "/conv/Conv + /relu/Relu", "timeMs" : 6, "averageMs" : 1.5, "percentage" : 75 }
]`
const LAYERS_10 = `{"Layers": [
  "/plain/Gemm",
  {"Name": "/conv/Conv + /relu/Relu", "LayerType": "CaskConvolution", "TacticName": "sm80_xmma_fprop",
   "Inputs": [{"Name": "x", "Location": "Device", "Dimensions": [1,3,8,8], "Format/Datatype": "Row major linear FP16 format"}],
   "Outputs": [{"Name": "y", "Dimensions": [1,8,8,8], "Format/Datatype": "Channel major FP16 format where channel % 8 == 0"}],
   "Metadata": "[ONNX Layer: /conv/Conv]\\u001e[ONNX Layer: /relu/Relu]"}],
 "Bindings": ["x", "y"]}`
const LAYERS_11 = `{"Layers": [{"Name": "PWN(/a/Mul, /b/Add)", "LayerType": "PointWiseV2", "Inputs": [{"Name": "x", "Dimensions": [4], "Format": "Row major linear FP32 format (kLINEAR)", "DataType": "Float"}], "Outputs": []}],
 "I/O Tensors": [{"Name": "x", "IOMode": "Input", "DataType": "Float", "Dimensions": [4]}]}`

describe('what trtexec writes', () => {
  it('times, on the common timeline', () => {
    const times = parseInferenceTimes(TIMES)
    expect(times.map((time) => [time.computeMs, time.latencyMs])).toEqual([[2, 2.2], [1, 1.2]])
    const events = timelineOfTimes(times)
    expect(events).toHaveLength(8)
    expect(events[2]).toEqual({ name: 'inference 0', category: 'kernel', track: 'compute', startMicroseconds: 1000, durationMicroseconds: 2000 })
    expect(busyShare(events).get('compute')).toBeCloseTo(3 / 4.2)
  })
  it('the profile of layers', () => {
    const found = parseLayerTimes(PROFILE)
    expect(found.iterations).toBe(4)
    expect(found.layers.map((layer) => [layer.medianMs, layer.share])).toEqual([[0.4, 0.25], [undefined, 0.75]])
    expect(timelineOfProfile(found).map((event) => [event.startMicroseconds, event.durationMicroseconds])).toEqual([[0, 500], [500, 1500]])
  })
  it('layer information of both versions', () => {
    const ten = parseLayerInfo(LAYERS_10)
    expect(ten.tensors).toEqual(['x', 'y'])
    expect(ten.layers[0]).toMatchObject({ name: '/plain/Gemm', type: undefined, onnxNodes: ['/plain/Gemm'] })
    expect(ten.layers[1]).toMatchObject({ type: 'CaskConvolution', onnxNodes: ['/conv/Conv', '/relu/Relu'], tactic: 'sm80_xmma_fprop', inputs: [{ dtype: 'FP16', shape: [1, 3, 8, 8] }] })
    const eleven = parseLayerInfo(LAYERS_11)
    expect(eleven.tensors).toEqual(['x'])
    expect(eleven.layers[0]).toMatchObject({ onnxNodes: ['/a/Mul', '/b/Add'], inputs: [{ dtype: 'Float', format: 'Row major linear FP32 format (kLINEAR)' }] })
    expect(onnxNodesOf('Reformatting CopyNode for Input Tensor 0 to /x/Conv')).toEqual([])
    expect(onnxNodesOf('PWN(PWN(/Sub), PWN(/Div))')).toEqual(['/Sub', '/Div'])
  })
  it('anything else is refused with the place', () => {
    expect(() => parseInferenceTimes('[{"startEnqMs": "x"}]')).toThrow(expect.objectContaining({ code: 'TENSORRT_FORMAT', details: expect.objectContaining({ where: 'inference 0' }) as object }))
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      for (const parse of [parseInferenceTimes, parseLayerTimes, parseLayerInfo]) {
        try {
          parse(text)
        } catch (error) {
          expect(error).toMatchObject({ code: 'TENSORRT_FORMAT' })
        }
      }
    }))
  })
})

describe('versions', () => {
  it('of headers and of trtexec', () => {
    expect(headerVersion('#define NV_TENSORRT_MAJOR 10 //!<\n#define NV_TENSORRT_MINOR 13\n#define NV_TENSORRT_PATCH 0')).toEqual({ major: 10, text: '10.13.0' })
    expect(headerVersion('#define TRT_MAJOR_ENTERPRISE 11\n#define TRT_MINOR_ENTERPRISE 4\n#define TRT_PATCH_ENTERPRISE 1\n#define NV_TENSORRT_MAJOR TRT_MAJOR_ENTERPRISE')).toEqual({ major: 11, text: '11.4.1' })
    expect([trtexecVersion('&&&& RUNNING TensorRT.trtexec [TensorRT v101300] [b35] # trtexec')?.text, trtexecVersion('[TensorRT v8601]')?.text, trtexecVersion('hello')]).toEqual(['10.13.0', '8.6.1', undefined])
  })
})

const { missing } = tensorrtStatus()
describe('without TensorRT', () => {
  it.runIf(missing.library !== undefined && missing.trtexec !== undefined)('says what every way takes; wrong profiles and options are found before', async () => {
    expect(() => requireTensorrt()).toThrow(expect.objectContaining({ code: 'TENSORRT_MISSING', details: expect.objectContaining({ expected: expect.stringMatching(/library: .*\ntrtexec: /) as string }) as object }))
    await expect(buildEngine(new Uint8Array(), inputs, { profiles: [profile] })).rejects.toMatchObject({ code: 'TENSORRT_MISSING' })
    await expect(buildEngine(new Uint8Array(), inputs)).rejects.toMatchObject({ code: 'TENSORRT_PROFILE' })
    await expect(buildEngine(new Uint8Array(), [], { optimizationLevel: 9 })).rejects.toMatchObject({ code: 'TENSORRT_OPTION' })
  })
})
