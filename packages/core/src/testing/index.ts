export * from './describe-sink.ts'
export * from './sink-batches.ts'
export * from './virtual-clock.ts'
