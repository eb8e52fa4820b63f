// What the programs of native/kernels print on a GPU (native/kernels/common.cuh), read.

/** A version of a kernel as its program prints it. */
export interface KernelLine {
  readonly kernel: string
  readonly version: string
  readonly milliseconds: number
  readonly gigabytes: number
  /** Of the copy, 0…1. */
  readonly ofCopy: number
  readonly gigaflops: number
}

/** `transpose 3 padded: ok    0.123 ms   1234.5 GB/s ( 91.2% of the copy)      0.0 GFLOP/s` */
export function kernelLines(text: string): KernelLine[] {
  return [...text.matchAll(/^(\S+) (.+): ok +([\d.]+) ms +([\d.]+) GB\/s \( *([\d.]+)% of the copy\) +([\d.]+) GFLOP\/s$/gm)].map(([, kernel = '', version = '', ms, gbs, share, flops]) =>
    ({ kernel, version, milliseconds: Number(ms), gigabytes: Number(gbs), ofCopy: Number(share) / 100, gigaflops: Number(flops) }))
}
