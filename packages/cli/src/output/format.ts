const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** `1234567` → `1,234,567`. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}

/** Bytes as `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < SIZES.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${SIZES[unit]}`
}

/** A rate as `850/s`, `12.3 k/s`, `1.92 M/s`. */
export function formatRate(perSecond: number): string {
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(2)} M/s`
  if (perSecond >= 1e4) return `${(perSecond / 1e3).toFixed(1)} k/s`
  return `${formatCount(perSecond)}/s`
}

/** How long something took, from ms: `820 ms`, `4.2 s`, `3 min 05 s`. */
export function formatElapsed(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`
}

/** A moment (ms since the Unix epoch) in UTC as `2026-11-20 10:00:00.123`, without the fraction where it is zero. */
export function formatTime(ms: number): string {
  return new Date(ms)
    .toISOString()
    .slice(0, 23)
    .replace('T', ' ')
    .replace(/\.000$/, '')
}

/** `record` and its plural by count: `1 record`, `2 records`, `3 batches`. */
export function formatCounted(count: number, noun: string): string {
  const plural = /(s|x|ch|sh)$/.test(noun) ? `${noun}es` : `${noun}s`
  return `${formatCount(count)} ${count === 1 ? noun : plural}`
}
