import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { convertPage } from './documentation'

test('docs/convert.md holds the operator table as the code has it', async () => {
  const file = path.join(__dirname, '../../docs/convert.md')
  await expect(convertPage(readFileSync(file, 'utf8'))).toMatchFileSnapshot(file)
})
