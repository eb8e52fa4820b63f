export { register } from './register'
