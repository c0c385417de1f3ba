import type { AdapterDefinition } from '@headrace/core'
import { postgres } from './postgres/index.ts'

/** Every adapter there is. A folder that is not listed here does not exist for the program. */
export const adapters: readonly AdapterDefinition[] = [postgres]
