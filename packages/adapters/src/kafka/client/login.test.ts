import { describe, expect, test } from 'vitest'
import { LoginRefusedError, scram } from './login.ts'

// The exchange of RFC 7677, section 3.
const USER = { username: 'user', password: 'pencil' }
const NONCE = 'rOprNGfwEbeRWgbNEkqO'
const CHALLENGE = `r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`
const VERIFIER = 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='

/** Logs in at a server that gives these answers; what it is told. */
async function toldTo(answers: readonly string[], user = USER): Promise<string[]> {
  const told: string[] = []
  await scram('sha256', user, async (message) => answers[told.push(message) - 1] ?? '', NONCE)
  return told
}

describe('SCRAM', () => {
  test('says what the standard says', async () => {
    expect(await toldTo([CHALLENGE, VERIFIER])).toEqual([
      `n,,n=user,r=${NONCE}`,
      `c=biws,r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`,
    ])
  })

  test.each([
    ['a server that does not know the password', [CHALLENGE, VERIFIER.replace('6rri', '7rri')]],
    ['a server that proves nothing', [CHALLENGE, '']],
    ['a challenge to somebody else', [CHALLENGE.replace(NONCE, 'another'), VERIFIER]],
    ['few iterations', [CHALLENGE.replace('i=4096', 'i=1'), VERIFIER]],
    ['no challenge', ['what?', VERIFIER]],
  ])('does not go on with %s', async (_, answers) => {
    await expect(toldTo(answers)).rejects.toThrow(LoginRefusedError)
  })

  test('a name with the signs that part the fields', async () => {
    const told: string[] = []
    const say = async (message: string) => {
      told.push(message)
      return ''
    }
    await expect(scram('sha256', { username: 'a=b,c=', password: '' }, say, NONCE)).rejects.toThrow(LoginRefusedError)
    expect(told).toEqual([`n,,n=a=3Db=2Cc=3D,r=${NONCE}`])
  })
})
