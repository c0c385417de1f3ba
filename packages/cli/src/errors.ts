import { defineError } from '@headrace/core/errors'

export class GenerateTargetError extends defineError<{ target: string; reason: string }>({
  code: 'GENERATE_TARGET_INVALID',
  fault: 'user',
  retry: 'never',
  message: (d) => `cannot send to "${d.target}": ${d.reason}`,
  hint: () => 'Use stdout, a file, kafka (the broker of `headrace dev`), or kafka://host:port/topic.',
  example: { target: 'kafka://localhost/trades', reason: '"localhost" is not host:port' },
}) {}

export class GenerateWriteError extends defineError<{ path: string; reason: string }>({
  code: 'GENERATE_WRITE_FAILED',
  fault: 'external',
  retry: 'never',
  message: (d) => `cannot write to ${d.path}: ${d.reason}`,
  hint: () => 'Check that the folder may be written and that the disk is not full.',
  example: { path: 'trades.ndjson', reason: 'ENOSPC: no space left on device, write' },
}) {}

export class KafkaTargetError extends defineError<{ bootstrap: string; topic: string; reason: string }>({
  code: 'GENERATE_KAFKA_FAILED',
  fault: 'external',
  retry: 'backoff',
  message: (d) => `cannot send to topic "${d.topic}" at ${d.bootstrap}: ${d.reason}`,
  hint: () => 'Is the broker running there? `headrace dev` starts one and prints its address.',
  example: { bootstrap: '127.0.0.1:9092', topic: 'trades', reason: 'Connection error: connect ECONNREFUSED' },
}) {}

export class KafkaNotRunningError extends defineError<{ data: string }>({
  code: 'KAFKA_NOT_RUNNING',
  fault: 'user',
  retry: 'never',
  message: (d) => `no embedded broker is running for ${d.data}`,
  hint: () => 'Start one with `headrace dev`, or name yours: --to kafka://host:port/topic.',
  example: { data: '.headrace' },
}) {}

export class ServiceEndedError extends defineError<{ service: string; data: string }>({
  code: 'SERVICE_ENDED',
  fault: 'external',
  retry: 'never',
  message: (d) => `the embedded ${d.service} ended by itself`,
  hint: (d) => `Its log is in ${d.data}. Starting \`headrace dev\` again recovers what it had stored.`,
  example: { service: 'broker', data: '.headrace' },
}) {}

export class DemoFolderError extends defineError<{ folder: string }>({
  code: 'DEMO_FOLDER_FOREIGN',
  fault: 'user',
  retry: 'never',
  message: (d) => `${d.folder} holds something that no demo has put there, so it will not be emptied`,
  hint: () => 'Give the demo a folder of its own with --data, or one that does not exist yet.',
  example: { folder: '/home/me/data' },
}) {}

export class DemoRunningError extends defineError<{ folder: string; pid: number }>({
  code: 'DEMO_RUNNING',
  fault: 'user',
  retry: 'never',
  message: (d) => `another demo (process ${d.pid}) is at work in ${d.folder}`,
  hint: () => 'Wait for it, end it with Ctrl-C, or give this one another folder with --data.',
  example: { folder: '.headrace/demo', pid: 4711 },
}) {}

export class OutputMissingError extends defineError<{ format: string }>({
  code: 'QUERY_FORMAT_UNFIT',
  fault: 'user',
  retry: 'never',
  message: (d) =>
    d.format === 'parquet' ? 'Parquet cannot be written to the terminal' : 'a table cannot be written to a file',
  hint: (d) =>
    d.format === 'parquet'
      ? 'Name a file: --output result.parquet.'
      : 'Add --format csv, json, ndjson or parquet, or give the file one of these endings.',
  example: { format: 'parquet' },
}) {}

export class DemoFileError extends defineError<{ file: string; reason: string }>({
  code: 'DEMO_FILE_INVALID',
  fault: 'user',
  retry: 'never',
  message: (d) => `the demo's pipeline ${d.file} cannot be run: ${d.reason}`,
  hint: () => 'The demo needs the file as it was shipped. `headrace validate` tells all that is wrong with it.',
  example: { file: 'examples/trades-per-minute.yaml', reason: 'unknown key "sink"' },
}) {}
