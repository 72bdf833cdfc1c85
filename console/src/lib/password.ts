/** The rules for names and passwords that can be checked before asking the edge, which has the last word. */

export const passwordRules = 'At least 10 characters. A few words that do not belong together are easy to keep in mind and hard to guess.'

export function usernameProblem(username: string): string | undefined {
  if (username === '') return 'Enter a user name.'
  if (!/^[A-Za-z0-9._@-]{1,64}$/.test(username)) return 'Use 1 to 64 letters, digits or any of . _ - @'
  return undefined
}

export function passwordProblem(username: string, password: string): string | undefined {
  const length = [...password].length
  if (length === 0) return 'Enter a password of at least 10 characters.'
  if (length < 10) return `This has ${length} characters; add at least ${10 - length} more.`
  if (new TextEncoder().encode(password).length > 256) return 'This is longer than 256 bytes; shorten it.'
  const lower = password.toLowerCase()
  if (username !== '' && lower.includes(username.toLowerCase()) && length < username.length + 10) {
    return 'This is little more than the user name; choose something else.'
  }
  return undefined
}
