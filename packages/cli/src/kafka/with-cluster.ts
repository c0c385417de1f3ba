import type { CliContext } from '../context.ts'
import type { ConnectionFlags } from './connection/options.ts'

type Cluster = import('./cluster.ts').KafkaCluster

/** Connects to the cluster that the flags name, for as long as `use` takes. The client is loaded only now. */
export async function withCluster<T>(
  flags: ConnectionFlags,
  context: CliContext,
  use: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const [{ resolveConnection }, { KafkaCluster }] = await Promise.all([
    import('./connection/resolve.ts'),
    import('./cluster.ts'),
  ])
  const cluster = await KafkaCluster.open(await resolveConnection(flags, context.env))
  try {
    return await use(cluster)
  } finally {
    cluster.close()
  }
}
