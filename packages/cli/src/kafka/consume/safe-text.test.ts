import { describe, expect, test } from 'vitest'
import { safeText } from './safe-text.ts'

const shown = (bytes: Buffer, forTerminal = false) => safeText(bytes, forTerminal).toString()

describe('safeText', () => {
  test('text comes back as it is, without a copy', () => {
    const text = Buffer.from('héllo → 🎉\n')
    expect(safeText(text, true)).toBe(text)
  })
  test('what is no UTF-8 becomes escapes, the text around it stays', () => {
    expect(shown(Buffer.from([0x61, 0xff, 0xc3, 0xa9, 0xc3, 0x0a, 0xf0, 0x9f, 0x98]))).toBe(
      'a\\xffé\\xc3\n\\xf0\\x9f\\x98',
    )
  })
  test('only a terminal is kept from control characters', () => {
    const bytes = Buffer.from('a\u001b[2J\tb\u0000\u009bc\n')
    expect(shown(bytes)).toBe(bytes.toString())
    expect(shown(bytes, true)).toBe('a\\x1b[2J\tb\\x00\\xc2\\x9bc\n')
  })
})
