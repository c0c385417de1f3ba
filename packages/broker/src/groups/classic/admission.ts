import { KafkaError } from '../../protocol/index.ts'
import { commonProtocols, type JoinRequest, type Member } from './member.ts'

/** Throws INCONSISTENT_GROUP_PROTOCOL unless the others know a protocol that the one who joins knows, of the same type. */
export function assertFits(request: JoinRequest, members: readonly Member[], protocolType: string): void {
  const others = members.filter((member) => member.id !== request.memberId)
  const names = new Set(request.protocols.map(({ name }) => name))
  const goesWithOthers = request.protocolType === protocolType && !commonProtocols(others).isDisjointFrom(names)
  if (names.size === 0 || request.protocolType === '' || (others.length > 0 && !goesWithOthers))
    throw new KafkaError('INCONSISTENT_GROUP_PROTOCOL', 'the protocols do not go with those of the group')
}

/**
 * Throws GROUP_MAX_SIZE_REACHED. `known` is who joins again. During a rebalance those count who have joined it, so that whoever comes last
 * has to stay outside.
 */
export function assertHasRoom(
  known: Member | undefined,
  members: readonly Member[],
  { isPreparing, maxSize }: { readonly isPreparing: boolean; readonly maxSize: number },
): void {
  if (known !== undefined && (!isPreparing || known.joining !== undefined)) return
  const count = isPreparing ? members.filter(({ joining }) => joining !== undefined).length : members.length
  if (count >= maxSize)
    throw new KafkaError('GROUP_MAX_SIZE_REACHED', `the group has ${count} members, as many as it may have`)
}
