/** An example as people write it: `kafka: { topic: trades }`, one line per top key. */
export function yamlExample(value: unknown): string {
  if (!isMapping(value)) throw new Error('an example is a mapping')
  return Object.entries(value)
    .map(([key, entry]) => `${scalar(key)}: ${flow(entry)}`)
    .join('\n')
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (!isMapping(value)) return typeof value === 'string' ? scalar(value) : JSON.stringify(value)
  const entries = Object.entries(value).map(([key, entry]) => `${scalar(key)}: ${flow(entry)}`)
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
}

/** In quotes wherever YAML might read anything but this text. */
function scalar(text: string): string {
  const isPlain = /^[A-Za-z/][\w./()-]*( [\w./()-]+)*$/.test(text) && !/^(true|false|null|yes|no|on|off)$/i.test(text)
  const isQuantity = /^\d+ [A-Za-z]+$/.test(text)
  return isPlain || isQuantity ? text : JSON.stringify(text)
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
