import { fileURLToPath } from 'node:url'
import { runProgram } from '../../../support/run-program.ts'
import { cachedFolder } from '../../../support/test-cache.ts'
import { parseResults, type Results } from '../describe-client.ts'

const VERSION = '2.16.1'
const PACKAGES = [`confluent-kafka[avro,protobuf,json]==${VERSION}`, 'grpcio-tools==1.85.1']
const CHECKS = fileURLToPath(new URL('./python/checks.py', import.meta.url))
const SECURITY = fileURLToPath(new URL('./python/security.py', import.meta.url))

/** `killed.py BOOTSTRAP produce TOPIC COUNT` and `… consume TOPIC GROUP COUNT`. */
export const PYTHON_KILLED = fileURLToPath(new URL('./python/killed.py', import.meta.url))

/** `deserialize.py BOOTSTRAP REGISTRY TOPIC=FORMAT…`. */
export const PYTHON_DESERIALIZE = fileURLToPath(new URL('./python/deserialize.py', import.meta.url))

export interface PythonClient {
  /** librdkafka's own. */
  readonly version: string
  readonly missing?: string
  /** With which Python finds it. */
  readonly env: NodeJS.ProcessEnv
  run(args: readonly string[]): Promise<Results>
  runSecurity(args: readonly string[]): Promise<Results>
}

/** librdkafka with its Python binding, from PyPI the first time; or what is missing. */
export async function librdkafka(): Promise<PythonClient> {
  try {
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES, '--target']
    const folder = await cachedFolder(`confluent-kafka-${VERSION}-with-formats`, async (target) => {
      await runProgram('python3', [...install, target])
    })
    const env = { ...process.env, PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' }
    const python = (...args: readonly string[]) => runProgram('python3', args, { env })
    return {
      env,
      version: (await python(CHECKS, 'version')).trim(),
      run: async (args) => parseResults(await python(CHECKS, ...args)),
      runSecurity: async (args) => parseResults(await python(SECURITY, ...args)),
    }
  } catch (error) {
    const missing = `Python 3 and pip: ${error instanceof Error ? error.message : String(error)}`
    const run = () => Promise.reject(new Error(missing))
    return { env: process.env, version: '', missing, run, runSecurity: run }
  }
}
