import { expect, test } from 'vitest'
import { chooseAccount, planLaunch } from './unprivileged.ts'

test('an ordinary user runs the program itself', () => {
  expect(planLaunch({ kind: 'self' }, 'postgres', ['-D', 'data'])).toEqual({
    command: 'postgres',
    args: ['-D', 'data'],
  })
})

test('root runs it as someone else, who keeps the right to pass closed folders', () => {
  const { command, args } = planLaunch({ kind: 'setpriv', uid: 65534, gid: 65533 }, '/bin/postgres', ['-D', 'data'])
  expect(command).toBe('setpriv')
  expect(args.slice(0, 3)).toEqual(['--reuid=65534', '--regid=65533', '--clear-groups'])
  expect(args).toContain('--ambient-caps=+dac_override')
  expect(args.slice(-3)).toEqual(['/bin/postgres', '-D', 'data'])
})

test('without setpriv only the user changes', () => {
  expect(planLaunch({ kind: 'drop', uid: 7, gid: 8 }, 'postgres', [])).toEqual({
    command: 'postgres',
    args: [],
    uid: 7,
    gid: 8,
  })
})

test('root never stays root, and data keeps its owner; anyone else stays who they are', async () => {
  const [ofRoot, ofOther] = [await chooseAccount({ uid: 0, gid: 0 }), await chooseAccount({ uid: 4321, gid: 1234 })]
  if (process.getuid?.() === 0) {
    expect(ofRoot.kind === 'self' ? 0 : ofRoot.uid).toBeGreaterThan(0)
    expect(ofOther).toMatchObject({ uid: 4321, gid: 1234 })
  } else {
    expect([ofRoot, ofOther]).toEqual([{ kind: 'self' }, { kind: 'self' }])
  }
})
