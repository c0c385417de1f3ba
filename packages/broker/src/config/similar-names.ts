const MOST = 3

/** Names that share most of their pairs of letters with `name`, the nearest first: misspelt, with words that are missing or out of order. */
export function similarNames(name: string, names: readonly string[]): string[] {
  const pairs = pairsOf(name)
  return names
    .map((candidate) => ({ candidate, likeness: likeness(pairs, pairsOf(candidate)) }))
    .filter(({ likeness }) => likeness > 0.7)
    .sort((a, b) => b.likeness - a.likeness)
    .slice(0, MOST)
    .map(({ candidate }) => candidate)
}

/** The Sørensen–Dice coefficient: 0 of names without a pair in common, 1 of equal ones. */
function likeness(some: ReadonlySet<string>, others: ReadonlySet<string>): number {
  return (2 * some.intersection(others).size) / (some.size + others.size)
}

function pairsOf(text: string): ReadonlySet<string> {
  const letters = text.toLowerCase()
  return new Set(Array.from({ length: letters.length - 1 }, (_, at) => letters.slice(at, at + 2)))
}
