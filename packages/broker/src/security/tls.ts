import { readFile } from 'node:fs/promises'
import { createSecureContext, type TlsOptions } from 'node:tls'
import { TlsUnusableError } from '../errors.ts'

export const CLIENT_AUTH = ['none', 'requested', 'required'] as const

/** Kafka's ssl.client.auth: whether clients show a certificate of their own. */
export type ClientAuth = (typeof CLIENT_AUTH)[number]

/** Files in PEM. */
export interface TlsFiles {
  /** The broker's certificate, with those between it and its authority behind it. */
  readonly certFile: string
  readonly keyFile: string
  /** Whose certificates are taken of clients. */
  readonly caFile?: string
  /** `none` unless told. */
  readonly clientAuth?: ClientAuth
}

/** Reads the files and tries them. Throws `TlsUnusableError` where they do not make a TLS listener. */
export async function loadTls({ certFile, keyFile, caFile, clientAuth = 'none' }: TlsFiles): Promise<TlsOptions> {
  if (clientAuth === 'required' && caFile === undefined)
    throw new TlsUnusableError('clients have to show certificates, but there is no authority (ca) to check them by')
  const [cert, key, ca] = await Promise.all([certFile, keyFile, caFile].map((file) => file && readPem(file)))
  const options: TlsOptions = {
    ...(cert && { cert }),
    ...(key && { key }),
    ...(ca && { ca }),
    requestCert: clientAuth !== 'none',
    rejectUnauthorized: clientAuth === 'required',
  }
  try {
    createSecureContext(options)
  } catch (cause) {
    throw new TlsUnusableError(`${certFile} and ${keyFile} do not work together: ${reasonOf(cause)}`, { cause })
  }
  return options
}

async function readPem(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw new TlsUnusableError(`${file} cannot be read: ${reasonOf(cause)}`, { cause })
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
