import {
  type Api,
  apiVersions,
  ERROR,
  encodeResponse,
  MalformedMessageError,
  ProtocolReader,
  type RequestOf,
  type ResponseOf,
  readRequestBody,
  readRequestHeader,
} from '../protocol/index.ts'
import type { ResponseLease } from './memory.ts'

/** Where the clients of one listener reach the broker. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** Who asks, and in which version. */
export interface RequestContext {
  readonly version: number
  readonly clientId: string
  readonly clientHost: string
  /** What the client is told to connect to: the advertised address of the listener that it came by. */
  readonly endpoint: Endpoint
  /** Aborted when the connection is gone: nobody waits for the answer any more. */
  readonly signal: AbortSignal
  /** What records that are read for the response have to fit into. */
  readonly memory: ResponseLease
}

/** Answers one API's requests. Null where the client wants no answer. Effects that must keep the order of requests begin at once. */
export interface Handler<A extends Api = Api> {
  readonly api: A
  handle(request: RequestOf<A>, context: RequestContext): HandlerResult<A>
}

type HandlerResult<A> = Promise<ResponseOf<A> | null> | ResponseOf<A> | null

/** A handler with its types told by its API. */
export function handlerOf<A extends Api>(
  api: A,
  handle: (request: RequestOf<A>, context: RequestContext) => HandlerResult<A>,
): Handler {
  return { api, handle } as unknown as Handler
}

/** Finds each request's handler by API key, and answers for versions that none has. */
export class Dispatcher {
  readonly #handlers: ReadonlyMap<number, Handler>

  /** `handlers` is all that this broker can do; the answer to ApiVersions is made from it. */
  constructor(handlers: readonly Handler[]) {
    const all = [...handlers, handlerOf(apiVersions, () => this.#apiVersions(ERROR.NONE))]
    this.#handlers = new Map(all.map((handler) => [handler.api.key, handler]))
  }

  /** The response to one frame, in pieces; null for none. Rejects where the connection has to be closed. */
  async dispatch(frame: Buffer, client: Omit<RequestContext, 'version' | 'clientId'>): Promise<Buffer[] | null> {
    const reader = new ProtocolReader(frame)
    const { apiKey, apiVersion: version, correlationId, clientId } = readRequestHeader(reader)
    const handler = this.#handlers.get(apiKey)
    if (handler === undefined || !supports(handler.api, version)) {
      // Anybody may ask which versions there are, in any version; the answer is in the oldest.
      if (apiKey === apiVersions.key)
        return encodeResponse(apiVersions, 0, correlationId, this.#apiVersions(ERROR.UNSUPPORTED_VERSION))
      throw new MalformedMessageError(`API ${apiKey} version ${version} is not supported`)
    }
    const request = readRequestBody(handler.api, version, reader)
    const response = await handler.handle(request, { version, clientId: clientId ?? '', ...client })
    return response && encodeResponse(handler.api, version, correlationId, response)
  }

  #apiVersions(errorCode: number): ResponseOf<typeof apiVersions> {
    const apiKeys = [...this.#handlers.values()].map(({ api }) => ({
      apiKey: api.key,
      minVersion: api.versions[0],
      maxVersion: api.versions[1],
    }))
    return { errorCode, apiKeys: apiKeys.sort((a, b) => a.apiKey - b.apiKey) }
  }
}

function supports(api: Api, version: number): boolean {
  return version >= api.versions[0] && version <= api.versions[1]
}
