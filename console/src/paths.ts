/** Every address of the console. */
const name = encodeURIComponent

export const paths = {
  overview: '/',
  login: '/login',
  setup: '/setup',
  device: (device: string) => `/devices/${name(device)}`,
  tag: (device: string, tag: string) => `/devices/${name(device)}?tag=${name(tag)}`,
  config: '/config',
  revisions: '/config/revisions',
  revision: (revision: number) => `/config/revisions/${revision}`,
  settings: '/settings',
}

/** Where to go after login: only a path of this console, never another site. */
export function safeNext(next: string | null): string {
  return next !== null && /^\/(?![/\\])/.test(next) && !next.startsWith('/login') ? next : paths.overview
}
