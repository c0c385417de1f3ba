import { type Joined, type MemberIdRequired, protocolsOf } from '../groups/classic/member.ts'
import {
  COORDINATOR_KEY_TYPE,
  ERROR,
  findCoordinator,
  heartbeat,
  joinGroup,
  KafkaError,
  leaveGroup,
  type ResponseOf,
  syncGroup,
} from '../protocol/index.ts'
import { type Handler, handlerOf } from '../server/dispatcher.ts'
import { answerOf, attempt, NO_ERROR, type Services } from './services.ts'

export function findCoordinatorHandler({ cluster: { nodeId } }: Services): Handler {
  const nowhere = {
    errorCode: ERROR.INVALID_REQUEST,
    errorMessage: 'this broker coordinates groups and transactions only',
    nodeId: -1,
    host: '',
    port: -1,
  }
  return handlerOf(findCoordinator, ({ key, keyType, coordinatorKeys }, { version, endpoint }) => {
    const isHere = keyType === COORDINATOR_KEY_TYPE.group || keyType === COORDINATOR_KEY_TYPE.transaction
    const found = isHere ? { ...NO_ERROR, nodeId, ...endpoint } : nowhere
    const keys = version >= 4 ? coordinatorKeys : [key]
    return { ...found, coordinators: keys.map((asked) => ({ key: asked, ...found })) }
  })
}

export function joinGroupHandler({ groups }: Services): Handler {
  return handlerOf(joinGroup, async (request, { version, clientId, clientHost }) => {
    const { groupId, memberId, groupInstanceId, sessionTimeoutMs, rebalanceTimeoutMs, protocolType } = request
    try {
      if (
        sessionTimeoutMs < groups.settings.minSessionTimeoutMs ||
        sessionTimeoutMs > groups.settings.maxSessionTimeoutMs
      )
        throw new KafkaError('INVALID_SESSION_TIMEOUT', `a session cannot time out after ${sessionTimeoutMs} ms`)
      const group = await groups.classicGroupToJoin(groupId, memberId)
      const joined = await group.join({
        memberId,
        groupInstanceId,
        clientId: clientId || 'consumer',
        clientHost,
        sessionTimeoutMs,
        // Version 0 has the session's timeout for both.
        rebalanceTimeoutMs: rebalanceTimeoutMs > 0 ? rebalanceTimeoutMs : sessionTimeoutMs,
        protocolType,
        protocols: protocolsOf(request),
        mustKnowMemberId: version >= 4,
        canSkipAssignment: version >= 9,
      })
      return joinedAnswer(joined, version)
    } catch (error) {
      return notJoined(answerOf(error).errorCode, memberId, version)
    }
  })
}

function joinedAnswer(joined: Joined | MemberIdRequired, version: number): ResponseOf<typeof joinGroup> {
  if ('memberIdRequired' in joined) return notJoined(ERROR.MEMBER_ID_REQUIRED, joined.memberIdRequired, version)
  return { errorCode: ERROR.NONE, ...joined }
}

function notJoined(errorCode: number, memberId: string, version: number): ResponseOf<typeof joinGroup> {
  return { errorCode, memberId, protocolName: version >= 7 ? null : '', leader: '', members: [] }
}

export function syncGroupHandler({ groups }: Services): Handler {
  return handlerOf(syncGroup, async (request) => {
    try {
      const group = groups.classicGroup(request.groupId)
      const assignments = new Map(
        request.assignments.map(({ memberId, assignment }) => [memberId, Buffer.from(assignment)] as const),
      )
      const { protocolType, protocolName } = request
      const isOther = (asked: string | null, actual: string) => asked !== null && asked !== actual
      if (isOther(protocolType, group.protocolType) || isOther(protocolName, group.protocolName))
        throw new KafkaError('INCONSISTENT_GROUP_PROTOCOL', 'the group goes by another protocol')
      return { errorCode: ERROR.NONE, ...(await group.sync(request, assignments)) }
    } catch (error) {
      return { errorCode: answerOf(error).errorCode, assignment: Buffer.alloc(0) }
    }
  })
}

export function heartbeatHandler({ groups }: Services): Handler {
  return handlerOf(heartbeat, async (request) => {
    const { errorCode } = await attempt(() => groups.classicGroup(request.groupId).heartbeat(request))
    return { errorCode }
  })
}

export function leaveGroupHandler({ groups }: Services): Handler {
  return handlerOf(leaveGroup, async ({ groupId, memberId, members }, { version }) => {
    const leave = (id: string, groupInstanceId: string | null) =>
      attempt(() => groups.classicGroup(groupId).leave(id, groupInstanceId))
    // Before version 3 a member leaves alone, and the answer is its own.
    if (version < 3) return { errorCode: (await leave(memberId, null)).errorCode }
    const answers = await Promise.all(
      members.map(async ({ memberId: id, groupInstanceId }) => ({
        memberId: id,
        groupInstanceId,
        errorCode: (await leave(id, groupInstanceId)).errorCode,
      })),
    )
    return { errorCode: ERROR.NONE, members: answers }
  })
}
