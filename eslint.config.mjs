import tseslint from 'typescript-eslint'
import { roomsRule } from './eslint.rooms.mjs'

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.venv/', '.whetstone/', 'native/**/build/'] },
  {
    files: ['src/**/*.ts', 'test/**/*.ts', 'exercises/**/*.ts', 'solutions/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { whetstone: { rules: { rooms: roomsRule } } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'whetstone/rooms': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  // A test may insist that a value is there: it fails when it is not.
  {
    files: ['**/*.test.ts', 'test/**/*.ts', 'exercises/**/mistakes.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off', '@typescript-eslint/unbound-method': 'off' },
  },
  // A learner's stub has parameters it does not use yet.
  {
    files: ['exercises/**/exercise.ts'],
    rules: { '@typescript-eslint/no-unused-vars': 'off', '@typescript-eslint/require-await': 'off' },
  },
  // A mistake ignores what the right answer needs, and says so with a leading underscore.
  {
    files: ['exercises/**/mistakes.ts'],
    rules: { '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }] },
  },
)
