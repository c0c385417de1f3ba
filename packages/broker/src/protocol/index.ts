export { readInt64, writeInt64 } from './int64.ts'
export * from './record-batch.ts'
export * from './record-batch-builder.ts'
export * from './varint.ts'
