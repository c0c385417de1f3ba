import { readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { makeDataFolder } from '@headrace/core/folders'
import { DemoFolderError, DemoRunningError } from '../errors.ts'
import { readRunningServices } from '../services/index.ts'

/** Says that a folder was made by the demo, and so may be emptied by it. */
const MARKER = 'HEADRACE-DEMO'
const MARKER_TEXT =
  'The data of `headrace demo`. The next demo deletes this folder, unless it is told to keep the data.\n'

/**
 * Makes the demo's folder, begun afresh unless its data shall be kept. Throws DEMO_FOLDER_FOREIGN for a folder with
 * something in it that no demo has put there, DEMO_RUNNING where another demo is at work in it.
 */
export async function prepareDemoFolder(folder: string, keepData: boolean): Promise<void> {
  await makeDataFolder(folder)
  const names = await readdir(folder)
  if (names.length > 0 && !names.includes(MARKER)) throw new DemoFolderError({ folder })
  const running = await readRunningServices(folder)
  if (running !== undefined) throw new DemoRunningError({ folder, pid: running.owner.pid })
  if (!keepData) {
    // The marker goes last: a deletion that is cut short can be taken up again.
    for (const name of names) if (name !== MARKER) await rm(path.join(folder, name), { recursive: true, force: true })
  }
  await writeFile(path.join(folder, MARKER), MARKER_TEXT)
}
