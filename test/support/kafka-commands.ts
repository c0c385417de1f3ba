import { Kafka, logLevel, type Message } from 'kafkajs'
import { type KafkaUnderTest, startKafka } from '../integration/support/kafka-under-test.ts'
import { commandLine } from './command-line.ts'
import { type Ended, HeadraceProcess } from './headrace-process.ts'

/** The Kafka under test, and the command line pointed at it from a folder that knows nothing else. */
export class KafkaCommands {
  readonly kafka: KafkaUnderTest
  readonly folder: string
  /** A client that nobody here wrote, to look at what the commands have done. */
  readonly peer: Kafka

  private constructor(kafka: KafkaUnderTest, folder: string) {
    this.kafka = kafka
    this.folder = folder
    this.peer = new Kafka({ brokers: [kafka.address], logLevel: logLevel.NOTHING, retry: { retries: 5 } })
  }

  /** Takes away what an earlier run has left under these names on a cluster that stays. */
  static async start(folder: string, names: readonly string[] = []): Promise<KafkaCommands> {
    const commands = new KafkaCommands(await startKafka(`${folder}/broker`), folder)
    const admin = commands.peer.admin()
    await admin.connect()
    const left = (await admin.listTopics()).filter((topic) => names.includes(topic))
    if (left.length > 0) await admin.deleteTopics({ topics: left })
    const { groups } = await admin.listGroups()
    const old = groups.map(({ groupId }) => groupId).filter((group) => names.includes(group))
    if (old.length > 0) await admin.deleteGroups(old)
    await admin.disconnect()
    return commands
  }

  get env(): Readonly<Record<string, string>> {
    return { HEADRACE_BOOTSTRAP: this.kafka.address }
  }

  run(...args: string[]): Promise<Ended> {
    return commandLine(args, this.env)
  }

  /** Runs a command that must succeed, and gives its one JSON document. */
  // biome-ignore lint/suspicious/noExplicitAny: documents differ from command to command
  async json(...args: string[]): Promise<any> {
    const { code, stdout, stderr } = await this.run(...args, '--json')
    if (code !== 0) throw new Error(`${args.join(' ')} failed: ${stderr}`)
    return JSON.parse(stdout)
  }

  /** The same as a process of its own. */
  begin(args: readonly string[]): HeadraceProcess {
    return new HeadraceProcess(args, { cwd: this.folder, env: this.env })
  }

  /** Sends records with the peer. */
  async send(topic: string, messages: readonly Message[]): Promise<void> {
    const producer = this.peer.producer()
    await producer.connect()
    await producer.send({ topic, messages: [...messages] })
    await producer.disconnect()
  }
}
