/** Roles, each of which includes the one before. */
import type { Role } from '../api/types'

export const roles: readonly Role[] = ['viewer', 'operator', 'engineer', 'admin']

export const roleMeanings: Record<Role, string> = {
  viewer: 'sees everything, changes nothing',
  operator: 'sees everything, reads values now and writes values to devices',
  engineer: 'does what an operator may, and changes the configuration',
  admin: 'may do everything, also manage users and API tokens',
}

export function may(role: Role, needed: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(needed)
}

/** Why a control is disabled, or nothing when it is not. */
export function whyNot(role: Role, needed: Role, what: string): string | undefined {
  return may(role, needed) ? undefined : `${what} needs the role ${needed}; you are ${role}.`
}
