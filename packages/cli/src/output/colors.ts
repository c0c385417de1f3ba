import picocolors from 'picocolors'

export type Colors = ReturnType<typeof picocolors.createColors>

/** Colours where a person looks at a terminal and has not asked for none (https://no-color.org, FORCE_COLOR to insist). */
export function colorsFor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
  plain: boolean,
): Colors {
  const refused = plain || (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb'
  const forced = (env.FORCE_COLOR ?? '') !== '' && env.FORCE_COLOR !== '0'
  return picocolors.createColors(!refused && (forced || stream.isTTY === true))
}
