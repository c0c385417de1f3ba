import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runProgram } from '../run-program.ts'
import { cachedFolder } from '../test-cache.ts'

const POM = fileURLToPath(new URL('./pom.xml', import.meta.url))

/** The class path of Apache Kafka's server, tools and client; from Maven's repositories the first time. Throws where Java or Maven fails. */
export async function kafkaClassPath(): Promise<string> {
  const pom = await readFile(POM)
  const folder = await cachedFolder(
    `apache-kafka-${createHash('sha256').update(pom).digest('hex').slice(0, 12)}`,
    fetchJars,
  )
  return join(folder, '*')
}

async function fetchJars(folder: string): Promise<void> {
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${folder}`]
  await runProgram('mvn', ['-q', '-B', '-f', POM, ...goal])
}
