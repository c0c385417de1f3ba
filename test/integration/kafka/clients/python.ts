import { fileURLToPath } from 'node:url'
import { runProgram } from '../../../support/run-program.ts'
import { cachedFolder } from '../../../support/test-cache.ts'
import { parseResults, type Results } from '../describe-client.ts'

const CLIENT = 'confluent-kafka==2.16.1'
const DESERIALIZERS = ['confluent-kafka[avro,protobuf,json]==2.16.1', 'grpcio-tools==1.85.1']
const CHECKS = fileURLToPath(new URL('./python/checks.py', import.meta.url))
const SECURITY = fileURLToPath(new URL('./python/security.py', import.meta.url))

/** `killed.py BOOTSTRAP produce TOPIC COUNT` and `… consume TOPIC GROUP COUNT`. */
export const PYTHON_KILLED = fileURLToPath(new URL('./python/killed.py', import.meta.url))

const DESERIALIZE = fileURLToPath(new URL('./python/deserialize.py', import.meta.url))

/** As it says itself. */
export const PYTHON_KILLED_TRANSACTIONS = fileURLToPath(new URL('./python/killed_transactions.py', import.meta.url))

/** `member.py BOOTSTRAP GROUP TOPIC ASSIGNORS`, until its input ends. */
export const PYTHON_MEMBER = fileURLToPath(new URL('./python/member.py', import.meta.url))

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
    const env = await installed(CLIENT)
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

/** Confluent's deserializers and Protobuf's own compiler, likewise: `deserialize.py BOOTSTRAP REGISTRY TOPIC=FORMAT…`. */
export async function deserializers(): Promise<{ missing?: string; run(args: readonly string[]): Promise<string> }> {
  try {
    const env = await installed(...DESERIALIZERS)
    return { run: (args) => runProgram('python3', [DESERIALIZE, ...args], { env }) }
  } catch (error) {
    const missing = `Python 3 and pip: ${error instanceof Error ? error.message : String(error)}`
    return { missing, run: () => Promise.reject(new Error(missing)) }
  }
}

/** Where Python finds the packages, which come from PyPI the first time. */
async function installed(...packages: readonly string[]): Promise<NodeJS.ProcessEnv> {
  const folder = await cachedFolder(packages.join('-').replaceAll(/[^a-z0-9.]+/g, '-'), async (target) => {
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages, '--target', target]
    await runProgram('python3', install)
  })
  return { ...process.env, PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' }
}
