import { expect, test } from 'vitest'

import { passwordProblem, usernameProblem } from './password'

test.each([
  ['anna', 'correct horse', undefined],
  ['anna', '', 'at least 10'],
  ['anna', 'short', 'add at least 5 more'],
  ['anna', 'Anna123456', 'little more than the user name'],
  ['anna', 'ä'.repeat(200), 'longer than 256 bytes'],
])('%s with %s', (username, password, problem) => {
  if (problem === undefined) expect(passwordProblem(username, password)).toBeUndefined()
  else expect(passwordProblem(username, password)).toContain(problem)
})

test('user names', () => {
  expect(usernameProblem('anna.m-1@plant')).toBeUndefined()
  expect(usernameProblem('anna m')).toContain('letters, digits')
})
