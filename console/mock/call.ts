/** What a route of the mock gets, and how it refuses. */
import type { IncomingMessage, ServerResponse } from 'node:http'

import type { ErrorCode, Finding, Me, Role } from '../src/api/types'

export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: ErrorCode,
    message: string,
    readonly remedy: string,
    readonly more: { findings?: Finding[]; retry_after_ms?: number } = {},
  ) {
    super(message)
  }
}

export interface Call {
  me: Me
  url: URL
  body: string
  bytes: Buffer
  request: IncomingMessage
  response: ServerResponse
  part: (index: number) => string
}

export type Route = [RegExp, Role, (call: Call) => unknown]

export const ago = (ms: number) => new Date(Date.now() - ms).toISOString()
