/** Certificates: the edge's own, whom it trusts, and those that wait for somebody to compare and decide. */
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../../api/client'
import { certificatesQuery, queryClient } from '../../api/queries'
import type { Certificate, RejectedCertificate, RevocationList } from '../../api/types'
import { Facts } from '../../components/Facts'
import { Failure } from '../../components/Failure'
import { NeedsRole } from '../../components/NeedsRole'
import { PageHead } from '../../components/PageHead'
import { SettingsTabs } from '../../components/Tabs'
import { useTitle } from '../../hooks/useTitle'
import { download } from '../../lib/download'
import { plural } from '../../lib/numbers'
import { moment } from '../../lib/time'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { AreaField } from '../../ui/Field'
import { Icon } from '../../ui/Icon'
import { Mark } from '../../ui/Mark'

type Open =
  | { kind: 'add' }
  | { kind: 'trust'; certificate: RejectedCertificate }
  | { kind: 'remove'; fingerprint: string; what: string; trusted: boolean }
  | undefined

export function CertificatesPage() {
  useTitle('Certificates')
  return (
    <div className="page">
      <PageHead title="Certificates" lead="By certificates devices and servers prove who they are. Trust one only after comparing its fingerprint with what the device itself shows." />
      <SettingsTabs />
      <NeedsRole needed="engineer" what="Managing certificates">
        <Lists />
      </NeedsRole>
    </div>
  )
}

function Lists() {
  const certificates = useQuery(certificatesQuery)
  const [open, setOpen] = useState<Open>()
  const data = certificates.data
  const close = () => setOpen(undefined)
  return (
    <>
      {certificates.error !== null && data === undefined && <Failure error={certificates.error} />}
      {data !== undefined && (
        <>
          <section className="panel" aria-labelledby="rejected">
            <header>
              <h2 id="rejected">Waiting for a decision</h2>
              <span className="muted small" role="status">
                {plural(data.rejected.length, 'certificate')}
              </span>
            </header>
            {data.rejected.length === 0 ? (
              <p className="body">None. When the edge meets a certificate that it does not trust, it refuses the connection and lists it here.</p>
            ) : (
              <ul className="certificate-list">
                {data.rejected.map((each) => (
                  <OneCertificate key={each.fingerprint} certificate={each} seen={each}>
                    <Button kind="primary" onClick={() => setOpen({ kind: 'trust', certificate: each })}>
                      Compare and trust…<span className="visually-hidden"> {each.subject}</span>
                    </Button>
                    <Button onClick={() => setOpen({ kind: 'remove', fingerprint: each.fingerprint, what: each.subject, trusted: false })}>
                      Take off the list<span className="visually-hidden"> {each.subject}</span>
                    </Button>
                  </OneCertificate>
                ))}
              </ul>
            )}
          </section>
          <section className="panel" aria-labelledby="trusted">
            <header>
              <h2 id="trusted">Trusted</h2>
              <Button icon="upload" onClick={() => setOpen({ kind: 'add' })}>
                Add a certificate or revocation list
              </Button>
            </header>
            {data.trusted.length === 0 ? (
              <p className="body">None. Add the certificate of a server, or that of the authority that signed it: then all that it signed are trusted.</p>
            ) : (
              <ul className="certificate-list">
                {data.trusted.map((each) => (
                  <OneCertificate key={each.fingerprint} certificate={each}>
                    <Button onClick={() => setOpen({ kind: 'remove', fingerprint: each.fingerprint, what: each.subject, trusted: true })}>
                      Trust no more…<span className="visually-hidden"> {each.subject}</span>
                    </Button>
                  </OneCertificate>
                ))}
              </ul>
            )}
            {data.revocation_lists.length > 0 && <RevocationLists lists={data.revocation_lists} onRemove={(list) => setOpen({ kind: 'remove', fingerprint: list.id, what: `the revocation list of ${list.issuer}`, trusted: true })} />}
          </section>
          <section className="panel" aria-labelledby="own">
            <header>
              <h2 id="own">The edge’s own</h2>
            </header>
            {data.own.length === 0 ? (
              <p className="body">None yet. The edge makes one by itself when a device or server first asks for it.</p>
            ) : (
              <ul className="certificate-list">
                {data.own.map((each) => (
                  <OneCertificate key={each.fingerprint} certificate={each} />
                ))}
              </ul>
            )}
          </section>
        </>
      )}
      {open?.kind === 'add' && <AddCertificate onClose={close} />}
      {open?.kind === 'trust' && <Trust certificate={open.certificate} onClose={close} />}
      {open?.kind === 'remove' && <Remove fingerprint={open.fingerprint} what={open.what} trusted={open.trusted} onClose={close} />}
    </>
  )
}

/** In groups, as devices show them. */
export function fingerprintText(fingerprint: string): string {
  return (fingerprint.toUpperCase().match(/../g) ?? []).join(':')
}

interface OneProps {
  certificate: Certificate
  seen?: RejectedCertificate
  children?: React.ReactNode
}

function OneCertificate({ certificate, seen, children }: OneProps) {
  const save = useMutation({
    mutationFn: () => api.certificateFile(certificate.fingerprint),
    onSuccess: (file) => download(file.name, file.content),
  })
  return (
    <li>
      <div className="template-head">
        <h3>{certificate.subject}</h3>
        {certificate.authority && (
          <Mark tone="off" icon="info">
            authority
          </Mark>
        )}
        <Validity certificate={certificate} />
      </div>
      {seen !== undefined && (
        <p>
          Refused {plural(seen.times, 'time')}, last {moment(seen.last_seen)}: {seen.reason}.
        </p>
      )}
      <p className="fingerprint">
        <span className="small muted">Fingerprint (SHA-256)</span>
        <code>{fingerprintText(certificate.fingerprint)}</code>
      </p>
      <details>
        <summary>
          Details<span className="visually-hidden"> of {certificate.subject}</span>
        </summary>
        <Facts
          facts={[
            ['Issued by', certificate.self_signed ? 'itself' : certificate.issuer],
            ['Valid from', moment(certificate.not_before)],
            ['Valid until', moment(certificate.not_after)],
            ['Key', certificate.key],
            ['Serial number', certificate.serial],
            ['Application', certificate.uris.join(', ') || '–'],
            ['Names and addresses', certificate.names.join(', ') || '–'],
            ...(certificate.purpose === null ? [] : [[seen === undefined ? 'Used for' : 'Met by', certificate.purpose] as [string, string]]),
          ]}
        />
      </details>
      {save.error !== null && <Failure error={save.error} />}
      <div className="buttons">
        {children}
        <Button icon="download" busy={save.isPending} onClick={() => save.mutate()}>
          Download<span className="visually-hidden"> {certificate.subject}</span>
        </Button>
      </div>
    </li>
  )
}

const monthMs = 30 * 86_400_000

function Validity({ certificate }: { certificate: Certificate }) {
  const [now] = useState(() => Date.now())
  const end = Date.parse(certificate.not_after)
  if (Date.parse(certificate.not_before) > now) {
    return (
      <Mark tone="warn" icon="clock">
        not valid yet
      </Mark>
    )
  }
  if (end < now) {
    return (
      <Mark tone="bad" icon="cross">
        expired {moment(certificate.not_after)}
      </Mark>
    )
  }
  return end - now < monthMs ? (
    <Mark tone="warn" icon="clock">
      expires {moment(certificate.not_after)}
    </Mark>
  ) : null
}

function RevocationLists({ lists, onRemove }: { lists: RevocationList[]; onRemove: (list: RevocationList) => void }) {
  return (
    <div className="body">
      <h3>Revocation lists</h3>
      <ul className="plain-list">
        {lists.map((list) => (
          <li key={list.id}>
            {list.issuer}: {plural(list.revoked, 'certificate')} revoked
            {list.next_update !== null && `, next list due ${moment(list.next_update)}`}{' '}
            <Button kind="quiet" onClick={() => onRemove(list)}>
              Remove<span className="visually-hidden"> the list of {list.issuer}</span>
            </Button>
          </li>
        ))}
      </ul>
    </div>
  )
}

async function refreshed(onClose: () => void) {
  await queryClient.invalidateQueries(certificatesQuery)
  onClose()
}

function Trust({ certificate, onClose }: { certificate: RejectedCertificate; onClose: () => void }) {
  const [compared, setCompared] = useState(false)
  const trust = useMutation({ mutationFn: () => api.trustCertificate(certificate.fingerprint), onSuccess: () => refreshed(onClose) })
  return (
    <Dialog
      title="Compare, then trust"
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" busy={trust.isPending} onClick={() => trust.mutate()} whyNot={compared ? undefined : 'Compare the fingerprint first.'}>
            Trust this certificate
          </Button>
        </>
      }
    >
      {trust.error !== null && <Failure error={trust.error} />}
      <p>
        <strong>{certificate.subject}</strong>
      </p>
      <p>Look at the device itself, or ask whoever runs it, for the fingerprint of its certificate. Every pair must be the same:</p>
      <p className="fingerprint large">
        <code>{fingerprintText(certificate.fingerprint)}</code>
      </p>
      {certificate.authority && <p>It is an authority: whatever it signed is trusted too.</p>}
      <label className="checkbox">
        <input type="checkbox" checked={compared} onChange={(event) => setCompared(event.target.checked)} />I have compared it; it is the same
      </label>
    </Dialog>
  )
}

function Remove({ fingerprint, what, trusted, onClose }: { fingerprint: string; what: string; trusted: boolean; onClose: () => void }) {
  const remove = useMutation({ mutationFn: () => api.removeCertificate(fingerprint), onSuccess: () => refreshed(onClose) })
  return (
    <Dialog
      title={trusted ? 'Trust no more' : 'Take off the list'}
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Keep</Button>
          <Button kind="danger" busy={remove.isPending} onClick={() => remove.mutate()}>
            Remove
          </Button>
        </>
      }
    >
      {remove.error !== null && <Failure error={remove.error} />}
      <p>
        <strong>{what}</strong>
      </p>
      <p>{trusted ? 'Connections that rest on it are refused from now on.' : 'It stays refused, and comes back to the list when it is met again.'}</p>
    </Dialog>
  )
}

function AddCertificate({ onClose }: { onClose: () => void }) {
  const [pem, setPem] = useState('')
  const [tried, setTried] = useState(false)
  const add = useMutation({ mutationFn: () => api.addCertificate(pem), onSuccess: () => refreshed(onClose) })
  return (
    <Dialog
      title="Add a certificate or revocation list"
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            kind="primary"
            busy={add.isPending}
            onClick={() => {
              setTried(true)
              if (pem.trim() !== '') add.mutate()
            }}
          >
            Trust it
          </Button>
        </>
      }
    >
      {add.error !== null && <Failure error={add.error} />}
      <label className="button open-file">
        <Icon name="upload" />
        Choose a file…
        <input
          type="file"
          className="visually-hidden"
          accept=".pem,.crt,.cer,.der,.crl"
          aria-label="Certificate file"
          onChange={async (event) => {
            const input = event.currentTarget
            const file = input.files?.[0]
            if (file !== undefined) setPem(await pemOf(file))
            input.value = ''
          }}
        />
      </label>
      <AreaField
        label="Certificate or list"
        hint="As PEM, from -----BEGIN to -----END, or DER in base64."
        className="mono"
        rows={8}
        spellCheck={false}
        value={pem}
        problem={tried && pem.trim() === '' ? 'Choose a file, or paste its text.' : undefined}
        onChange={(event) => setPem(event.target.value)}
      />
    </Dialog>
  )
}

/** PEM as it is; DER as base64, which the edge takes too. */
async function pemOf(file: File): Promise<string> {
  const content = new Uint8Array(await file.arrayBuffer())
  const text = new TextDecoder().decode(content)
  if (text.includes('-----BEGIN')) return text
  return btoa(Array.from(content, (byte) => String.fromCharCode(byte)).join(''))
}
