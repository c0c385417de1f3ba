import { createHmac, randomBytes } from 'node:crypto'
import path from 'node:path'
import { KafkaError } from '../protocol/index.ts'
import { readFileIfAny, replaceFile } from '../storage/durable-file.ts'
import { ITERATIONS, SCRAM, SCRAM_MECHANISMS, type ScramMechanism } from './mechanisms.ts'
import { deriveCredential, isPasswordOf, type ScramCredential } from './scram-credential.ts'

const FILE_NAME = 'scram-credentials.json'
const OWNER_ONLY = 0o600
const KEY_BYTES = 32

type UserCredentials = Map<ScramMechanism, ScramCredential>

/** The file: binary values as base64. */
interface StoredFile {
  readonly saltKey: string
  readonly users: Readonly<Record<string, Readonly<Record<string, StoredCredential>>>>
}
interface StoredCredential {
  readonly salt: string
  readonly iterations: number
  readonly storedKey: string
  readonly serverKey: string
}

/** A change to one user's credential; null takes it away. */
export interface CredentialChange {
  readonly user: string
  readonly mechanism: ScramMechanism
  readonly credential: ScramCredential | null
}

/**
 * Who may authenticate. Users who are declared when the broker starts live in memory alone; those that clients make with
 * AlterUserScramCredentials are kept in a file of the data folder. No password is kept, in either.
 */
export class CredentialStore {
  readonly #file: string
  /** Makes the salts of declared users, and of users who do not exist: so that the one cannot be told from the other. */
  readonly #saltKey: Buffer
  readonly #declared = new Map<string, UserCredentials>()
  #stored: ReadonlyMap<string, UserCredentials>
  #writing: Promise<void> = Promise.resolve()

  private constructor(file: string, saltKey: Buffer, stored: ReadonlyMap<string, UserCredentials>) {
    this.#file = file
    this.#saltKey = saltKey
    this.#stored = stored
  }

  /** `declared` are passwords by user name; undefined where nobody authenticates. */
  static async open(dataDir: string, declared?: Readonly<Record<string, string>>): Promise<CredentialStore> {
    const file = path.join(dataDir, FILE_NAME)
    const content = await readFileIfAny(file)
    const kept = content && (JSON.parse(content.toString()) as StoredFile)
    const saltKey = kept ? Buffer.from(kept.saltKey, 'base64') : randomBytes(KEY_BYTES)
    const store = new CredentialStore(file, saltKey, kept ? readUsers(kept) : new Map())
    if (!kept && declared) await store.#write(store.#stored)
    await Promise.all(Object.entries(declared ?? {}).map(([user, password]) => store.#declare(user, password)))
    return store
  }

  get users(): string[] {
    return [...new Set([...this.#declared.keys(), ...this.#stored.keys()])]
  }

  /** All credentials of a user; none of a user who does not exist. */
  credentials(user: string): ReadonlyMap<ScramMechanism, ScramCredential> {
    return this.#declared.get(user) ?? this.#stored.get(user) ?? new Map()
  }

  /**
   * The credential that a proof is checked against, and whether there is one: a user who does not exist is asked for a proof like any
   * other, which nothing can fulfil.
   */
  challenge(user: string, mechanism: ScramMechanism): { credential: ScramCredential; exists: boolean } {
    const credential = this.credentials(user).get(mechanism)
    return { credential: credential ?? this.#decoy(user, mechanism), exists: credential !== undefined }
  }

  /** Whether that is the user's password. Takes as long for a user who does not exist. */
  async isPassword(user: string, password: string): Promise<boolean> {
    const mechanism = SCRAM_MECHANISMS.find((each) => this.credentials(user).has(each)) ?? 'SCRAM-SHA-256'
    const { credential, exists } = this.challenge(user, mechanism)
    return (await isPasswordOf(credential, mechanism, password)) && exists
  }

  /** Makes changes and resolves when they are on the disk: all of them, or, where that fails, none. */
  alter(changes: readonly CredentialChange[]): Promise<void> {
    const written = this.#writing.then(async () => {
      const users = new Map([...this.#stored].map(([user, credentials]) => [user, new Map(credentials)]))
      for (const change of changes) applyChange(users, change)
      await this.#write(users)
      this.#stored = users
    })
    this.#writing = written.catch(() => undefined)
    return written
  }

  /** Throws a `KafkaError` where a user's credentials are not the clients' to change. */
  checkAlterable(user: string): void {
    if (user === '') throw new KafkaError('UNACCEPTABLE_CREDENTIAL', 'the name of a user must not be empty')
    if (this.#declared.has(user))
      throw new KafkaError('UNACCEPTABLE_CREDENTIAL', 'this user is declared where the broker is started')
  }

  async #declare(user: string, password: string): Promise<void> {
    const made = SCRAM_MECHANISMS.map(
      async (mechanism) =>
        [mechanism, await deriveCredential(mechanism, password, { salt: this.#saltOf(user, mechanism) })] as const,
    )
    this.#declared.set(user, new Map(await Promise.all(made)))
  }

  #saltOf(user: string, mechanism: ScramMechanism): Buffer {
    return createHmac('sha256', this.#saltKey).update(`${mechanism} ${user}`).digest()
  }

  #decoy(user: string, mechanism: ScramMechanism): ScramCredential {
    const { hashBytes } = SCRAM[mechanism]
    return {
      salt: this.#saltOf(user, mechanism),
      iterations: ITERATIONS.min,
      storedKey: randomBytes(hashBytes),
      serverKey: randomBytes(hashBytes),
    }
  }

  async #write(users: ReadonlyMap<string, UserCredentials>): Promise<void> {
    const stored: StoredFile = {
      saltKey: this.#saltKey.toString('base64'),
      users: Object.fromEntries(
        [...users].map(([user, credentials]) => [
          user,
          Object.fromEntries([...credentials].map(([mechanism, credential]) => [mechanism, storedForm(credential)])),
        ]),
      ),
    }
    await replaceFile(this.#file, `${JSON.stringify(stored)}\n`, OWNER_ONLY)
  }
}

function applyChange(users: Map<string, UserCredentials>, { user, mechanism, credential }: CredentialChange): void {
  const credentials = users.get(user) ?? new Map<ScramMechanism, ScramCredential>()
  if (credential === null) credentials.delete(mechanism)
  else credentials.set(mechanism, credential)
  if (credentials.size === 0) users.delete(user)
  else users.set(user, credentials)
}

function storedForm({ salt, iterations, storedKey, serverKey }: ScramCredential): StoredCredential {
  const text = (bytes: Buffer) => bytes.toString('base64')
  return { salt: text(salt), iterations, storedKey: text(storedKey), serverKey: text(serverKey) }
}

function readUsers({ users }: StoredFile): Map<string, UserCredentials> {
  const bytes = (text: string) => Buffer.from(text, 'base64')
  return new Map(
    Object.entries(users).map(([user, credentials]) => [
      user,
      new Map(
        Object.entries(credentials).map(([mechanism, { salt, iterations, storedKey, serverKey }]) => [
          mechanism as ScramMechanism,
          { salt: bytes(salt), iterations, storedKey: bytes(storedKey), serverKey: bytes(serverKey) },
        ]),
      ),
    ]),
  )
}
