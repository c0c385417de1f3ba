import {
  alterUserScramCredentials,
  describeUserScramCredentials,
  ERROR,
  type ErrorName,
  KafkaError,
  type RequestOf,
  saslAuthenticate,
  saslHandshake,
} from '../protocol/index.ts'
import type { CredentialChange } from '../security/credential-store.ts'
import { ITERATIONS, SCRAM, scramMechanismOf } from '../security/mechanisms.ts'
import { credentialOf } from '../security/scram-credential.ts'
import { type Handler, handlerOf } from '../server/dispatcher.ts'
import { answerOf, attempt, type ErrorAnswer, NO_ERROR, type Services } from './services.ts'

/** Reached only by clients who need not authenticate, or have: sessions do not end, so there is nothing to authenticate again. */
export function saslHandshakeHandler({ mechanisms }: Services): Handler {
  return handlerOf(saslHandshake, () => ({ errorCode: ERROR.ILLEGAL_SASL_STATE, mechanisms }))
}

export function saslAuthenticateHandler(_services: Services): Handler {
  return handlerOf(saslAuthenticate, () => ({
    errorCode: ERROR.ILLEGAL_SASL_STATE,
    errorMessage: 'there is nothing to authenticate for on this connection',
    authBytes: Buffer.alloc(0),
  }))
}

export function describeUserScramCredentialsHandler({ credentials }: Services): Handler {
  return handlerOf(describeUserScramCredentials, ({ users }) => {
    const asked = users === null || users.length === 0 ? credentials.users.sort() : users.map(({ name }) => name)
    return { errorCode: ERROR.NONE, results: [...new Set(asked)].map((user) => describe(user, asked)) }
  })

  function describe(user: string, asked: readonly string[]) {
    const found = [...credentials.credentials(user)]
    const isTwice = asked.filter((name) => name === user).length > 1
    if (isTwice) return { user, ...refusal('DUPLICATE_RESOURCE', 'the user is asked for twice'), credentialInfos: [] }
    if (found.length === 0)
      return { user, ...refusal('RESOURCE_NOT_FOUND', 'the user has no credentials'), credentialInfos: [] }
    const credentialInfos = found.map(([mechanism, { iterations }]) => ({ mechanism: SCRAM[mechanism].id, iterations }))
    return { user, ...NO_ERROR, credentialInfos }
  }
}

type AlterRequest = RequestOf<typeof alterUserScramCredentials>

/** A user's changes are made together or not at all. */
export function alterUserScramCredentialsHandler({ credentials }: Services): Handler {
  return handlerOf(alterUserScramCredentials, async (request) => {
    const users = new Set([...request.deletions, ...request.upsertions].map(({ name }) => name))
    return { results: await Promise.all([...users].map(async (user) => ({ user, ...(await alter(user, request)) }))) }
  })

  function alter(user: string, { deletions, upsertions }: AlterRequest): Promise<ErrorAnswer> {
    return attempt(async () => {
      credentials.checkAlterable(user)
      const changes = [
        ...deletions.filter(({ name }) => name === user).map(planDeletion),
        ...upsertions.filter(({ name }) => name === user).map(planUpsertion),
      ]
      if (new Set(changes.map(({ mechanism }) => mechanism)).size < changes.length)
        throw new KafkaError('DUPLICATE_RESOURCE', 'a mechanism is there twice')
      await credentials.alter(changes)
    })
  }

  function planDeletion({ name, mechanism: id }: AlterRequest['deletions'][number]): CredentialChange {
    const mechanism = known(id)
    if (!credentials.credentials(name).has(mechanism))
      throw new KafkaError('RESOURCE_NOT_FOUND', `the user has no credential for ${mechanism}`)
    return { user: name, mechanism, credential: null }
  }

  function planUpsertion({ name, mechanism: id, ...given }: AlterRequest['upsertions'][number]): CredentialChange {
    const mechanism = known(id)
    if (given.iterations < ITERATIONS.min || given.iterations > ITERATIONS.max)
      throw new KafkaError('UNACCEPTABLE_CREDENTIAL', `iterations must be from ${ITERATIONS.min} to ${ITERATIONS.max}`)
    if (given.salt.length === 0 || given.saltedPassword.length !== SCRAM[mechanism].hashBytes)
      throw new KafkaError('UNACCEPTABLE_CREDENTIAL', `the salt or the salted password does not fit ${mechanism}`)
    // The message's bytes are a view of the request, which does not stay.
    const salt = Buffer.from(given.salt)
    return { user: name, mechanism, credential: credentialOf(mechanism, { ...given, salt }) }
  }
}

function known(id: number) {
  const mechanism = scramMechanismOf(id)
  if (mechanism === undefined) throw new KafkaError('UNSUPPORTED_SASL_MECHANISM', `there is no SCRAM mechanism ${id}`)
  return mechanism
}

function refusal(name: ErrorName, message: string): ErrorAnswer {
  return answerOf(new KafkaError(name, message))
}
