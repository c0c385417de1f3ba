import type { ClassicGroup } from '../groups/classic/classic-group.ts'
import type { Member } from '../groups/classic/member.ts'
import { deleteGroups, describeGroups, ERROR, listGroups } from '../protocol/index.ts'
import { type Handler, handlerOf } from '../server/dispatcher.ts'
import { allowedTo, GROUP_OPERATIONS } from './authorized-operations.ts'
import { attempt, type Services } from './services.ts'

export function listGroupsHandler({ groups }: Services): Handler {
  return handlerOf(listGroups, ({ statesFilter, typesFilter }) => {
    const wanted = (filter: readonly string[], value: string) =>
      filter.length === 0 || filter.some((name) => name.toLowerCase() === value.toLowerCase())
    return {
      errorCode: ERROR.NONE,
      groups: groups
        .list()
        .filter((group) => wanted(statesFilter, group.state) && wanted(typesFilter, group.type))
        .map((group) => ({
          groupId: group.id,
          protocolType: group.protocolType,
          groupState: group.state,
          groupType: group.type,
        })),
    }
  })
}

export function describeGroupsHandler({ groups }: Services): Handler {
  return handlerOf(describeGroups, (request, { version }) => {
    const authorizedOperations = allowedTo(GROUP_OPERATIONS, request.includeAuthorizedOperations)
    return {
      groups: request.groups.map((groupId) => {
        const group = groups.find(groupId)
        if (group?.type !== 'classic') return version < 6 ? deadGroup(groupId) : missingGroup(groupId)
        return { ...describe(group), authorizedOperations }
      }),
    }
  })
}

function describe(group: ClassicGroup) {
  const { id, state, protocolType, protocolName, members } = group
  // What members want is shown when it has led to something, as in Kafka.
  const isSettled = state === 'Stable'
  return {
    errorCode: ERROR.NONE,
    groupId: id,
    groupState: state,
    protocolType,
    protocolData: isSettled ? protocolName : '',
    members: members.map((member) => ({
      memberId: member.id,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: (isSettled && metadataOf(member, protocolName)) || Buffer.alloc(0),
      memberAssignment: member.assignment,
    })),
  }
}

function metadataOf({ protocols }: Member, protocolName: string): Buffer | undefined {
  return protocols.find(({ name }) => name === protocolName)?.metadata
}

/** Kafka's way of saying that there is no such group, as long as there was no error code for it. */
function deadGroup(groupId: string) {
  return { errorCode: ERROR.NONE, groupId, groupState: 'Dead', protocolType: '', protocolData: '', members: [] }
}

function missingGroup(groupId: string) {
  const errorMessage = `there is no classic group "${groupId}"`
  return { ...deadGroup(groupId), errorCode: ERROR.GROUP_ID_NOT_FOUND, errorMessage }
}

export function deleteGroupsHandler({ groups }: Services): Handler {
  return handlerOf(deleteGroups, async ({ groupsNames }) => ({
    results: await Promise.all(
      groupsNames.map(async (groupId) => {
        const { errorCode } = await attempt(() => groups.delete(groupId))
        return { groupId, errorCode }
      }),
    ),
  }))
}
