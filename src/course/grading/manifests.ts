// The same job on more than one machine: shards of a Kubernetes Job, or of a matrix of GitHub Actions, and the merge.
import { GradingError } from './errors'

/** What a manifest needs to know. */
export interface ManifestOptions {
  /** Number of machines. */
  readonly shards: number
  /** Words of `whetstone grade` that every shard gets, `--lesson` and the like. */
  readonly args: readonly string[]
  /** Container image with Node, bubblewrap and the project at /course. */
  readonly image?: string
}

const DEFAULT_IMAGE = 'whetstone-grader:latest'

/**
 * An Indexed Job (Kubernetes 1.24 and later): each pod grades the shard of its completion index into a shared volume, and
 * a second Job merges. bubblewrap makes user namespaces, so the pod's seccomp profile must allow them; no privilege is used.
 */
export function kubernetesJob(options: ManifestOptions): string {
  check(options)
  const { shards, args, image = DEFAULT_IMAGE } = options
  const job = (name: string, spec: string, command: string): string => `apiVersion: batch/v1
kind: Job
metadata:
  name: ${name}
spec:
${spec}  backoffLimit: ${shards * 3}
  template:
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      containers:
        - name: grade
          image: ${JSON.stringify(image)}
          imagePullPolicy: IfNotPresent
          workingDir: /course
          command: ["sh", "-c", ${JSON.stringify(command)}]
          resources:
            requests: { cpu: "2", memory: 4Gi }
            limits: { cpu: "2", memory: 6Gi }
          securityContext:
            runAsNonRoot: true
            runAsUser: 1000
            allowPrivilegeEscalation: false
            capabilities: { drop: ["ALL"] }
            # bubblewrap needs clone(CLONE_NEWUSER) and mount inside it, which RuntimeDefault forbids.
            seccompProfile: { type: Unconfined }
            procMount: Default
          volumeMounts:
            - { name: submissions, mountPath: /submissions, readOnly: true }
            - { name: results, mountPath: /results }
      volumes:
        - name: submissions
          persistentVolumeClaim: { claimName: submissions, readOnly: true }
        - name: results
          persistentVolumeClaim: { claimName: results }
`
  const indexed = `  completions: ${shards}\n  parallelism: ${shards}\n  completionMode: Indexed\n`
  const grade = `exec node src/cli/whetstone.cjs grade /submissions --out "/results/shard-$((JOB_COMPLETION_INDEX + 1))" --shard "$((JOB_COMPLETION_INDEX + 1))/${shards}" ${words(args)}`.trim()
  const parts = Array.from({ length: shards }, (_, i) => `/results/shard-${i + 1}`).join(' ')
  return `# kubectl apply -f this, wait for whetstone-grade to complete, then apply the second document.
# A shard that is killed goes on where it stopped: its results are in the volume.
${job('whetstone-grade', indexed, grade)}---
${job('whetstone-grade-merge', '', `exec node src/cli/whetstone.cjs grade merge ${parts} --out /results/all`)}`
}

/** A workflow of GitHub Actions: one job of the matrix a shard, then the merge. */
export function githubActions(options: ManifestOptions): string {
  check(options)
  const { shards, args } = options
  const list = Array.from({ length: shards }, (_, i) => i + 1).join(', ')
  return `name: grade
on: workflow_dispatch
permissions:
  contents: read
jobs:
  grade:
    runs-on: ubuntu-24.04
    strategy:
      fail-fast: false
      matrix:
        shard: [${list}]
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with: { node-version: 22 }
      - run: sudo apt-get update -q && sudo apt-get install -q -y bubblewrap
      # Ubuntu 24.04 lets only programs with a profile make user namespaces.
      - run: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0
      # The submissions come from where you keep them: put them into ./submissions here.
      - run: node src/cli/whetstone.cjs grade submissions --out graded --shard \${{ matrix.shard }}/${shards} ${words(args)}
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: shard-\${{ matrix.shard }}
          path: graded
          include-hidden-files: true
  merge:
    needs: grade
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with: { node-version: 22 }
      - uses: actions/download-artifact@v4
        with: { pattern: shard-*, path: parts }
      - run: node src/cli/whetstone.cjs grade merge parts/shard-* --out gradebook
      - uses: actions/upload-artifact@v4
        with: { name: gradebook, path: gradebook }
`
}

function check({ shards, args }: ManifestOptions): void {
  if (!Number.isInteger(shards) || shards < 1 || shards > 1000) {
    throw new GradingError('GRADE_SHARDS', 'The number of shards is not one', { expected: 'a whole number from 1 to 1000', got: String(shards) })
  }
  const control = args.find((word) => /[\n\r\0]/.test(word))
  if (control !== undefined) throw new GradingError('GRADE_SHARDS', 'A word for the command holds a line end', { got: JSON.stringify(control) })
}

/** Words for a POSIX shell. */
const words = (args: readonly string[]): string => args.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`)).join(' ')
