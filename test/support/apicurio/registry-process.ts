import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../free-port.ts'
import { runProgram } from '../run-program.ts'
import { cachedFolder } from '../test-cache.ts'

const POM = fileURLToPath(new URL('./pom.xml', import.meta.url))
const RUNNER = 'apicurio-registry-app-2.6.13.Final-runner.jar'
const READY_WITHIN_MS = 120_000

/** Compiled once and lightly: it lives for a few seconds. */
const JAVA = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

/** The program's folder, from Maven's repositories the first time; or what is missing on this machine. */
export async function apicurio(): Promise<{ folder: string } | { missing: string }> {
  try {
    const pom = await readFile(POM)
    const name = `apicurio-${createHash('sha256').update(pom).digest('hex').slice(0, 12)}`
    const folder = await cachedFolder(name, async (target) => {
      const folders = [`-DoutputDirectory=${target}`, `-DmarkersDirectory=${join(target, 'markers')}`]
      await runProgram('mvn', ['-q', '-B', '-f', POM, 'dependency:unpack-dependencies', ...folders])
    })
    await runProgram('java', ['-version'])
    return { folder }
  } catch (error) {
    return { missing: `Java and Maven: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** Apicurio Registry as a process of its own, which keeps its schemas in memory. */
export class RegistryProcess {
  /** Where it speaks the protocol of Confluent's registry. */
  readonly url: string
  readonly #stop: () => Promise<void>

  private constructor(url: string, stop: () => Promise<void>) {
    this.url = url
    this.#stop = stop
  }

  /** Resolves when it answers. */
  static async start(folder: string): Promise<RegistryProcess> {
    const port = await freePort()
    const settings = ['-Dquarkus.http.host=127.0.0.1', `-Dquarkus.http.port=${port}`]
    const child = spawn('java', [...JAVA, ...settings, '-jar', join(folder, RUNNER)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    const listen = (text: Buffer) => {
      said = (said + text.toString()).slice(-4000)
    }
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    const exited = once(child, 'exit')
    // A run that is interrupted leaves no server behind.
    const end = () => child.kill('SIGKILL')
    process.once('exit', end)
    const stop = async () => {
      process.off('exit', end)
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await exited
    }
    const url = `http://127.0.0.1:${port}/apis/ccompat/v7`
    try {
      await Promise.race([
        untilAnswering(url),
        exited.then(([code]) => {
          throw new Error(`Apicurio ended with ${code} before it was ready: ${said}`)
        }),
      ])
    } catch (error) {
      await stop()
      throw error
    }
    return new RegistryProcess(url, stop)
  }

  stop(): Promise<void> {
    return this.#stop()
  }
}

async function untilAnswering(url: string): Promise<void> {
  for (const end = Date.now() + READY_WITHIN_MS; Date.now() < end; await setTimeout(100)) {
    const answer = await fetch(`${url}/subjects`).catch(() => undefined)
    if (answer?.ok === true) return
  }
  throw new Error(`Apicurio did not answer within ${READY_WITHIN_MS / 1000} s`)
}
