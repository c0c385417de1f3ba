import { execFile, spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export const canMakeCertificates = spawnSync('openssl', ['version']).status === 0

/** Added to a test's name where it cannot run. */
export const certificateNeeds = canMakeCertificates ? '' : ' (needs openssl)'

/** A key with its certificate, in files and as text. */
export interface Certificate {
  readonly certFile: string
  readonly keyFile: string
  readonly cert: string
  readonly key: string
}

/** An authority of one test's own, and what it has signed. */
export class Authority {
  readonly #folder: string
  readonly #own: Certificate

  private constructor(folder: string, own: Certificate) {
    this.#folder = folder
    this.#own = own
  }

  static async create(folder: string, name = 'authority'): Promise<Authority> {
    const { certFile, keyFile } = filesOf(folder, name)
    const subject = `/CN=${name}`
    await openssl('req', '-x509', ...NEW_KEY, '-keyout', keyFile, '-out', certFile, '-days', '2', '-subj', subject)
    return new Authority(folder, await read(certFile, keyFile))
  }

  get cert(): string {
    return this.#own.cert
  }

  get certFile(): string {
    return this.#own.certFile
  }

  /** A certificate for this machine under its names on itself. */
  async sign(name: string): Promise<Certificate> {
    const { certFile, keyFile } = filesOf(this.#folder, name)
    const request = path.join(this.#folder, `${name}.csr`)
    const extensions = path.join(this.#folder, `${name}.ext`)
    await writeFile(extensions, 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
    await openssl('req', '-new', ...NEW_KEY, '-keyout', keyFile, '-out', request, '-subj', `/CN=${name}`)
    const signer = ['-CA', this.#own.certFile, '-CAkey', this.#own.keyFile, '-CAcreateserial', '-days', '2']
    await openssl('x509', '-req', '-in', request, ...signer, '-extfile', extensions, '-out', certFile)
    return read(certFile, keyFile)
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

function filesOf(folder: string, name: string) {
  return { certFile: path.join(folder, `${name}.pem`), keyFile: path.join(folder, `${name}.key`) }
}

async function openssl(...args: string[]): Promise<void> {
  await run('openssl', args)
}

async function read(certFile: string, keyFile: string): Promise<Certificate> {
  const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')])
  return { certFile, keyFile, cert, key }
}
