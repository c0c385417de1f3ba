import { readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { isErrno, readFileIfAny, replaceFile, syncFolder } from '../storage/durable-file.ts'
import { CLEANED_SUFFIX, logFile, stateFile } from './segment.ts'

/** A cleaned segment that takes the place of others. */
export interface Swap {
  /** The base offset of the cleaned segment, and of the first of those that it replaces. */
  readonly baseOffset: number
  /** The base offsets of the others that it replaces. */
  readonly merged: readonly number[]
}

/**
 * The steps by which a cleaned segment, whose own files are on the disk, takes the place of others. The first writes down what is to happen;
 * whoever dies after it has the rest done by `finishSwap`, and all of it can be done twice.
 */
export function swapSteps(folder: string, swap: Swap): (() => Promise<void>)[] {
  const { baseOffset, merged } = swap
  return [
    () => replaceFile(swapFile(folder), JSON.stringify(swap)),
    () => takePlace(logFile(folder, baseOffset, CLEANED_SUFFIX), logFile(folder, baseOffset)),
    () => takePlace(stateFile(folder, baseOffset, CLEANED_SUFFIX), stateFile(folder, baseOffset)),
    ...merged.flatMap((other) => [
      () => rm(stateFile(folder, other), { force: true }),
      () => rm(logFile(folder, other), { force: true }),
    ]),
    () => syncFolder(folder),
    () => rm(swapFile(folder), { force: true }),
  ]
}

/** Ends a swap that a crash broke off, and removes what never came to one. */
export async function finishSwap(folder: string): Promise<void> {
  const begun = await readFileIfAny(swapFile(folder))
  if (begun) for (const step of swapSteps(folder, JSON.parse(begun.toString()) as Swap).slice(1)) await step()
  const names = await readdir(folder)
  for (const name of names.filter((each) => each.endsWith(CLEANED_SUFFIX)))
    await rm(path.join(folder, name), { force: true })
}

async function takePlace(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    // It has taken the place already.
    if (!isErrno(error, 'ENOENT')) throw error
  }
}

function swapFile(folder: string): string {
  return path.join(folder, 'swap.json')
}
