import type { Staging } from '../model/index.ts'
import type { FragmentRecord } from './state.ts'

/** Why the rows that wait cannot go to the sinks as they are set up now; undefined when they can. Pure. */
export function outboxChange(
  fragments: readonly FragmentRecord[],
  stagings: ReadonlyMap<string, Pick<Staging, 'format' | 'partitionBy'>>,
): string | undefined {
  for (const { sink, path, partition } of fragments) {
    const staging = stagings.get(sink)
    if (staging === undefined) return `sink "${sink}" is gone, and rows may still wait for it`
    if (!path.endsWith(`.${staging.format}`)) return `sink "${sink}" is of another kind, and rows may still wait for it`
    const names = (staging.partitionBy ?? []).map(({ name }) => name)
    if (names.join('/') !== Object.keys(partition).join('/'))
      return `sink "${sink}" has other partitions, and rows may still wait for it`
  }
  return undefined
}
