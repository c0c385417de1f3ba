/** The candidate that `word` was probably meant to be, ignoring case; undefined where none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase()
  const limit = Math.max(1, Math.floor(wanted.length / 3))
  let best: string | undefined
  let bestDistance = limit + 1
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase(), bestDistance)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Letters to insert, delete, replace or swap with their neighbour (optimal string alignment); at most `cap` is told apart. */
function editDistance(a: string, b: string, cap: number): number {
  if (Math.abs(a.length - b.length) >= cap) return cap
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = (above[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      let distance = Math.min(replace, (above[j] as number) + 1, (row[j - 1] as number) + 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) distance = Math.min(distance, (before[j - 2] as number) + 1)
      row.push(distance)
    }
    before = above
    above = row
  }
  return above[b.length] as number
}

/** "Did you mean `x`?" where something is near, else what there is to choose from. */
export function suggestion(word: string, candidates: readonly string[], what: string): string {
  const near = nearest(word, candidates)
  if (near !== undefined) return `Did you mean \`${near}\`?`
  return candidates.length === 0 ? `There are no ${what}.` : `${capital(what)}: ${list(candidates)}.`
}

/** `a`, `b`, `c`: names for a hint, the first 20 of them. */
export function list(names: readonly string[]): string {
  const shown = names.slice(0, 20).map((name) => `\`${name}\``)
  return names.length > 20 ? `${shown.join(', ')} …` : shown.join(', ')
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`
}
