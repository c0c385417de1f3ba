import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { delimiter } from 'node:path'
import { fileURLToPath } from 'node:url'
import { kafkaClassPath } from '../../../support/apache-kafka/jars.ts'
import { runProgram } from '../../../support/run-program.ts'
import { cachedFolder } from '../../../support/test-cache.ts'
import { parseResults, type Results } from '../describe-client.ts'

const FOLDER = fileURLToPath(new URL('./java/', import.meta.url))

/** As `apache-kafka/pom.xml` names it. */
export const JAVA_CLIENT_VERSION = '4.3.1'

/** The programs of `java/`, compiled once, with Apache Kafka beside them; or what is missing. */
export async function javaPrograms(): Promise<{ classPath: string; missing?: string }> {
  try {
    const kafka = await kafkaClassPath()
    const files = globSync('*.java', { cwd: FOLDER })
      .sort()
      .map((name) => FOLDER + name)
    const hash = createHash('sha256').update(kafka)
    for (const file of files) hash.update(readFileSync(file))
    const compile = (folder: string) =>
      runProgram('javac', ['-d', folder, '-cp', kafka, ...files]).then(() => undefined)
    const classes = await cachedFolder(`java-${hash.digest('hex').slice(0, 12)}`, compile)
    return { classPath: `${classes}${delimiter}${kafka}` }
  } catch (error) {
    return { classPath: '', missing: `a JDK and Maven: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** Arguments of `java` before the class's name. */
export function javaArguments(classPath: string): string[] {
  return [
    '-Xmx512m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
    '-cp',
    classPath,
  ]
}

export async function runJava(classPath: string, main: string, args: readonly string[]): Promise<Results> {
  return parseResults(await runProgram('java', [...javaArguments(classPath), main, ...args]))
}
