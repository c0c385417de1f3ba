import type { AdapterDefinition } from '@headrace/core'
import { consoleOutput } from './console/index.ts'
import { kafka } from './kafka/index.ts'
import { parquet } from './parquet/index.ts'
import { postgres } from './postgres/index.ts'

/** Every system that Headrace reads from or writes to. Adding one is its folder and a line here. */
export const adapters: readonly AdapterDefinition[] = [kafka, parquet, postgres, consoleOutput]
