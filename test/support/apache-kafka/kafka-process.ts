import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { freePort } from '../free-port.ts'
import { runProgram } from '../run-program.ts'
import { kafkaClassPath } from './jars.ts'

const CLUSTER_ID = 'aGVhZHJhY2UtdGVzdC0wMQ'

/** Apache Kafka as a process of its own: one node, controller and broker at once, with the settings that one node needs. */
export class ApacheKafkaProcess {
  readonly address: string
  readonly pid: number
  readonly #stop: () => Promise<void>

  private constructor(address: string, pid: number, stop: () => Promise<void>) {
    this.address = address
    this.pid = pid
    this.#stop = stop
  }

  /** Resolves when clients are answered. `properties` go before those that are usual here. */
  static async start(properties: Readonly<Record<string, string>> = {}): Promise<ApacheKafkaProcess> {
    const classPath = await kafkaClassPath()
    const folder = await mkdtemp(join(tmpdir(), 'headrace-apache-kafka-'))
    const [port, controllerPort] = [await freePort(), await freePort()]
    const settings = { ...settingsOf(folder, port, controllerPort), ...properties }
    const file = join(folder, 'server.properties')
    await writeFile(
      file,
      Object.entries(settings)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    )
    const java = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', classPath]
    await runProgram('java', ['-Xmx256m', ...java, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', file])

    const child = spawn('java', ['-Xmx1g', ...java, 'kafka.Kafka', file], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', (text: Buffer) => {
      said = (said + text.toString()).slice(-4000)
    })
    const exited = once(child, 'exit')
    // A run that is interrupted leaves no server behind.
    const end = () => child.kill('SIGKILL')
    process.once('exit', end)
    const stop = async () => {
      process.off('exit', end)
      // Nothing in its folder is wanted any more.
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await exited
      await rm(folder, { recursive: true, force: true })
    }
    const address = `127.0.0.1:${port}`
    try {
      await Promise.race([
        untilAnswering(address),
        exited.then(([code]) => {
          throw new Error(`Apache Kafka ended with ${code} before it was ready: ${said}`)
        }),
      ])
    } catch (error) {
      await stop()
      throw error
    }
    return new ApacheKafkaProcess(address, child.pid as number, stop)
  }

  stop(): Promise<void> {
    return this.#stop()
  }
}

function settingsOf(folder: string, port: number, controllerPort: number): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(folder, 'data'),
    // Tests write records of long ago, and Kafka would throw them away whenever it comes to look.
    'log.retention.ms': '-1',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    // What a member of the newer protocol is to do it learns with its next heartbeat.
    'group.consumer.min.heartbeat.interval.ms': '500',
    'group.consumer.heartbeat.interval.ms': '500',
  }
}

async function untilAnswering(address: string): Promise<void> {
  const retry = { initialRetryTime: 100, maxRetryTime: 200, retries: 300 }
  const admin = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING, retry }).admin()
  await admin.connect()
  await admin.listTopics()
  await admin.disconnect()
}
