import { homedir } from 'node:os'
import path from 'node:path'
import { adapters } from '@headrace/adapters'
import type { KafkaConnection } from '@headrace/adapters/kafka'
import { HeadraceError, loadConnections } from '@headrace/core'
import { AddressMissingError, ProfileUnknownError } from '../errors.ts'

/** The connection `kafka` of the `headrace.yaml` here, else the running services. Throws KAFKA_ADDRESS_MISSING. */
export async function kafkaConnection(dataDirectory: string): Promise<KafkaConnection> {
  const connections = await loadConnections({ adapters, directory: process.cwd(), dataDirectory })
  try {
    return connections.resolve('kafka') as KafkaConnection
  } catch (error) {
    if (error instanceof HeadraceError && error.code === 'CONNECTION_UNKNOWN')
      throw new AddressMissingError({ data: dataDirectory }, { cause: error })
    throw error
  }
}

/** A connection by its name: of the `headrace.yaml` here, else of the user's own. Throws KAFKA_PROFILE_UNKNOWN. */
export async function profileConnection(name: string, dataDirectory: string): Promise<KafkaConnection> {
  const folders = [process.cwd(), path.join(process.env.XDG_CONFIG_HOME ?? path.join(homedir(), '.config'), 'headrace')]
  const known: string[] = []
  for (const directory of folders) {
    const connections = await loadConnections({ adapters, directory, upTo: directory, dataDirectory })
    if (connections.declared.has(name)) return connections.resolve('kafka', name) as KafkaConnection
    known.push(...[...connections.declared].filter(([, type]) => type === 'kafka').map(([found]) => found))
  }
  const looked = ['headrace.yaml', path.join(folders[1] as string, 'headrace.yaml')]
  throw new ProfileUnknownError({ name, known, looked: looked.join(' or ') })
}
