/** What a request can fail with, in words for people: what failed, and what to do next. */
import type { ErrorBody, ErrorCode, Finding } from './types'

export class ApiError extends Error {
  readonly status: number
  readonly code: ErrorCode | 'unreachable'
  readonly remedy: string
  readonly findings: Finding[]
  readonly retryAfterMs: number | undefined

  constructor(status: number, code: ErrorCode | 'unreachable', message: string, remedy: string, body?: ErrorBody) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
    this.remedy = remedy
    this.findings = body?.error.findings ?? []
    this.retryAfterMs = body?.error.retry_after_ms ?? body?.retry_after_ms
  }
}

export function isErrorBody(body: unknown): body is ErrorBody {
  if (typeof body !== 'object' || body === null || !('error' in body)) return false
  const error = body.error
  return typeof error === 'object' && error !== null && 'code' in error && 'message' in error
}

export function fromResponse(status: number, what: string, body: unknown): ApiError {
  if (isErrorBody(body)) {
    return new ApiError(status, body.error.code, body.error.message, body.error.remedy, body)
  }
  return new ApiError(
    status,
    'internal',
    `${what}: the edge answered ${status} without a reason.`,
    'Try again. If it stays, look at the log of the edge.',
  )
}

export function unreachable(what: string): ApiError {
  return new ApiError(
    0,
    'unreachable',
    `${what}: no answer from the edge.`,
    'Check that this device is on the plant network and that the edge has power, then try again.',
  )
}

export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  const text = error instanceof Error ? error.message : String(error)
  return new ApiError(0, 'internal', `The console failed: ${text}`, 'Reload the page.')
}
