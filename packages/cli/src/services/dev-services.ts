import path from 'node:path'
import { makeDataFolder } from '@headrace/core/folders'
import { type BrokerService, type BrokerServiceOptions, startBroker } from './broker.ts'
import { type DevFile, readRunningServices, removeDevFile, writeDevFile } from './dev-file.ts'
import { DevAlreadyRunningError } from './errors.ts'
import type { PostgresOptions, PostgresService } from './postgres.ts'
import { identifySelf } from './process-identity.ts'

export interface DevServicesOptions {
  /** `.headrace` or another: `broker/`, `postgres/` and `dev.json` lie in it. */
  readonly dataDirectory: string
  readonly kafka?: Pick<BrokerServiceOptions, 'port' | 'partitions' | 'config' | 'security'>
  /** Left out unless given. */
  readonly postgres?: { readonly port?: number; readonly durable?: boolean }
}

export interface DevServices {
  readonly broker: BrokerService
  readonly postgres: PostgresService | undefined
  /** Settles with the name of the first service that ended by itself or was stopped. */
  readonly ended: Promise<'broker' | 'postgres'>
  /** Stops all of them and takes `dev.json` away; safe to call twice. */
  stop(): Promise<void>
}

/**
 * Starts the embedded services of a data folder side by side, and says in `dev.json` where they are. When one cannot
 * start, the others are stopped again. Throws DEV_ALREADY_RUNNING, DATA_FOLDER_UNUSABLE and what the services throw.
 */
export async function startDevServices(options: DevServicesOptions): Promise<DevServices> {
  const dataDirectory = path.resolve(options.dataDirectory)
  await makeDataFolder(dataDirectory)
  await refuseSecond(dataDirectory)
  const [broker, postgres] = await startAll(dataDirectory, options)
  const stop = async () => {
    await removeDevFile(dataDirectory)
    await Promise.all([broker.stop(), postgres?.stop()])
  }
  try {
    await writeDevFile(dataDirectory, await describe(broker, postgres))
  } catch (error) {
    await stop()
    throw error
  }
  const ends: Promise<'broker' | 'postgres'>[] = [broker.exited.then(() => 'broker')]
  if (postgres !== undefined) ends.push(postgres.exited.then(() => 'postgres'))
  return { broker, postgres, ended: Promise.race(ends), stop }
}

async function refuseSecond(directory: string): Promise<void> {
  const running = await readRunningServices(directory)
  if (running === undefined) return
  throw new DevAlreadyRunningError({ directory, pid: running.owner.pid, bootstrap: running.kafka.bootstrap })
}

async function startAll(
  dataDirectory: string,
  options: DevServicesOptions,
): Promise<[BrokerService, PostgresService | undefined]> {
  const [broker, postgres] = await Promise.allSettled([
    startBroker({ directory: path.join(dataDirectory, 'broker'), ...options.kafka }),
    options.postgres && startPostgres({ directory: path.join(dataDirectory, 'postgres'), ...options.postgres }),
  ])
  if (broker.status === 'fulfilled' && postgres.status === 'fulfilled') return [broker.value, postgres.value]
  if (broker.status === 'fulfilled') await broker.value.stop()
  if (postgres.status === 'fulfilled') await postgres.value?.stop()
  throw broker.status === 'rejected' ? broker.reason : (postgres as PromiseRejectedResult).reason
}

async function describe(broker: BrokerService, postgres: PostgresService | undefined): Promise<DevFile> {
  const owner = await identifySelf()
  const kafka = { bootstrap: broker.bootstrap }
  if (postgres === undefined) return { owner, kafka, pids: { broker: broker.pid } }
  const { url, host, port, user, password, database } = postgres
  return {
    owner,
    kafka,
    postgres: { url, host, port, user, password, database },
    pids: { broker: broker.pid, postgres: postgres.pid },
  }
}

/** Its client is loaded only where it is wanted. */
async function startPostgres(options: PostgresOptions): Promise<PostgresService> {
  const postgres = await import('./postgres.ts')
  return await postgres.startPostgres(options)
}
