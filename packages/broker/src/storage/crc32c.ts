import { crc32c as nativeCrc32c } from '@node-rs/crc32'

/** CRC-32C of `data`, by native code: several GB/s. */
export function crc32c(data: Buffer): number {
  return nativeCrc32c(data)
}
