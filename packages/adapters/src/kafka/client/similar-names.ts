/** How many names a hint may offer. */
const MOST = 3

/** How far off a name counts that holds the other one whole. */
const CONTAINED = 1.5

/** The names that someone who wrote `wanted` may have meant, the nearest first. */
export function similarNames(wanted: string, names: readonly string[]): readonly string[] {
  const tolerance = wanted.length < 5 ? CONTAINED : Math.max(2, Math.floor(wanted.length / 3))
  return names
    .map((name) => ({ name, distance: nearness(wanted.toLowerCase(), name.toLowerCase()) }))
    .filter(({ distance }) => distance <= tolerance)
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, MOST)
    .map(({ name }) => name)
}

function nearness(wanted: string, name: string): number {
  const isPart = wanted.length >= 3 && (name.includes(wanted) || wanted.includes(name))
  return Math.min(editDistance(wanted, name), isPart ? CONTAINED : Number.POSITIVE_INFINITY)
}

/** Levenshtein's: insertions, deletions and replacements from one to the other. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] as number) + (a[i] === b[j] ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] as number) + 1, (next[j] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}
