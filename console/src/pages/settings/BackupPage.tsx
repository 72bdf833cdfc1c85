/** The edge in one encrypted file, and back: what is inside is shown before it is put in place. */
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { useNavigate } from 'react-router'

import { api } from '../../api/client'
import { queryClient } from '../../api/queries'
import type { RestoreAnswer } from '../../api/exchange'
import { Facts } from '../../components/Facts'
import { Failure } from '../../components/Failure'
import { NeedsRole } from '../../components/NeedsRole'
import { PageHead } from '../../components/PageHead'
import { SettingsTabs } from '../../components/Tabs'
import { useTitle } from '../../hooks/useTitle'
import { download } from '../../lib/download'
import { bytes, count, plural } from '../../lib/numbers'
import { moment } from '../../lib/time'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { TextField } from '../../ui/Field'
import { Icon } from '../../ui/Icon'
import { Notice } from '../../ui/Notice'

const passphraseLeast = 12

export function BackupPage() {
  useTitle('Backup and restore')
  return (
    <div className="page">
      <PageHead title="Backup and restore" lead="The configuration with its revisions, users, tokens, secrets and certificates in one encrypted file. Recorded samples are not in it." />
      <SettingsTabs />
      <NeedsRole needed="admin" what="Making and restoring backups">
        <div className="settings-grid">
          <Backup />
          <Restore />
        </div>
      </NeedsRole>
    </div>
  )
}

function passphraseProblem(passphrase: string): string | undefined {
  const length = [...passphrase].length
  return length >= passphraseLeast ? undefined : `Use ${passphraseLeast} characters or more; this has ${length}.`
}

function Backup() {
  const [passphrase, setPassphrase] = useState('')
  const [shown, setShown] = useState(false)
  const [tried, setTried] = useState(false)
  const make = useMutation({
    mutationFn: () => api.backup(passphrase),
    onSuccess: (file) => {
      download(file.name, file.content)
      setPassphrase('')
      setTried(false)
    },
  })
  const problem = passphraseProblem(passphrase)
  return (
    <section className="panel" aria-labelledby="backup">
      <header>
        <h2 id="backup">Make a backup</h2>
      </header>
      <form
        className="body form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          setTried(true)
          if (problem === undefined) make.mutate()
        }}
      >
        {make.error !== null && <Failure error={make.error} />}
        <TextField
          label="Passphrase for the backup"
          hint="12 characters or more. Keep it apart from the file: without it nobody can open the file, and the edge does not keep it."
          type={shown ? 'text' : 'password'}
          autoComplete="new-password"
          spellCheck={false}
          value={passphrase}
          onChange={(event) => setPassphrase(event.target.value)}
          problem={tried ? problem : undefined}
        />
        <label className="checkbox">
          <input type="checkbox" checked={shown} onChange={(event) => setShown(event.target.checked)} />
          Show passphrase
        </label>
        <div>
          <Button type="submit" kind="primary" icon="download" busy={make.isPending}>
            Make a backup
          </Button>
        </div>
        <div role="status">{make.isSuccess && <Notice tone="good" title={`${make.data.name} is downloaded, ${bytes(make.data.content.size)}`} />}</div>
      </form>
    </section>
  )
}

function Restore() {
  const navigate = useNavigate()
  const [file, setFile] = useState<File | undefined>()
  const [passphrase, setPassphrase] = useState('')
  const [tried, setTried] = useState(false)
  const [sure, setSure] = useState(false)
  const look = useMutation({ mutationFn: (chosen: File) => api.restore(chosen, passphrase, false) })
  const apply = useMutation({
    mutationFn: (chosen: File) => api.restore(chosen, passphrase, true),
    onSuccess: async () => {
      queryClient.clear()
      await navigate(paths.login)
    },
  })
  const change = (edit: () => void) => {
    edit()
    look.reset()
    apply.reset()
  }
  const errors = look.data?.findings.some((finding) => finding.weight === 'error') === true
  return (
    <section className="panel" aria-labelledby="restore">
      <header>
        <h2 id="restore">Restore one</h2>
      </header>
      <form
        className="body form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          setTried(true)
          if (file !== undefined && passphrase !== '') look.mutate(file)
        }}
      >
        <div className="field">
          <label className="button open-file">
            <Icon name="upload" />
            Choose a backup…
            <input type="file" className="visually-hidden" accept=".backup" aria-label="Backup file" onChange={(event) => change(() => setFile(event.currentTarget.files?.[0]))} />
          </label>
          <span role="status">{file === undefined ? '' : `${file.name}, ${bytes(file.size)}`}</span>
          {tried && file === undefined && (
            <span className="problem">
              <Icon name="warning" />
              Choose the file first.
            </span>
          )}
        </div>
        <TextField
          label="Passphrase of the backup"
          type="password"
          autoComplete="off"
          value={passphrase}
          onChange={(event) => change(() => setPassphrase(event.target.value))}
          problem={tried && passphrase === '' ? 'Enter the passphrase that it was made with.' : undefined}
        />
        <div>
          <Button type="submit" busy={look.isPending}>
            Look inside
          </Button>
        </div>
        <div role="status" className="form">
          {look.error !== null && <Failure error={look.error} />}
          {look.data !== undefined && <Inside answer={look.data} />}
        </div>
        {look.data !== undefined && (
          <div>
            <Button kind="danger" onClick={() => setSure(true)} whyNot={errors ? 'It cannot be restored: see what is wrong above.' : undefined}>
              Restore it…
            </Button>
          </div>
        )}
      </form>
      {sure && file !== undefined && look.data !== undefined && (
        <Dialog
          title={`Restore the backup of ${look.data.edge}`}
          onClose={() => setSure(false)}
          foot={
            <>
              <Button onClick={() => setSure(false)}>Leave it as it is</Button>
              <Button kind="danger" busy={apply.isPending} onClick={() => apply.mutate(file)}>
                Restore now
              </Button>
            </>
          }
        >
          {apply.error !== null && <Failure error={apply.error} />}
          <p>
            The configuration, users, tokens, secrets and certificates of this edge are replaced by those of {moment(look.data.made_at)}. Everybody is logged out, you too: log in with a user of the backup.
          </p>
          <p>Make a backup of the present state first if you may want it back.</p>
        </Dialog>
      )}
    </section>
  )
}

function Inside({ answer }: { answer: RestoreAnswer }) {
  return (
    <>
      <h3>What is inside</h3>
      <Facts
        facts={[
          ['Edge', answer.edge],
          ['Made', moment(answer.made_at)],
          ['Tagwerk', answer.version],
          ['Configuration', answer.revision === null ? 'none' : `revision ${answer.revision}`],
          ['Devices', `${count(answer.devices)}, ${plural(answer.tags, 'tag')}`],
          ['Users', count(answer.users)],
          ['API tokens', count(answer.tokens)],
          ['Certificates', count(answer.certificates)],
          ['Secrets', answer.secrets.length === 0 ? 'none' : answer.secrets.join(', ')],
        ]}
      />
      {answer.findings.map((finding) => (
        <Notice key={finding.problem} tone={finding.weight === 'error' ? 'bad' : 'warn'} title={finding.problem}>
          <span>{finding.remedy}</span>
        </Notice>
      ))}
    </>
  )
}
