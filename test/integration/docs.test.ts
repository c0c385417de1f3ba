import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const generator = fileURLToPath(new URL('../docs/generate.ts', import.meta.url))

test('the generated reference is what the program says of itself today', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [generator, '--check'])
  expect(stdout).toMatch(/^\d{2,} pages, 0 differ$/m)
})
