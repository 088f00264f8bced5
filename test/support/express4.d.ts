/** Express 4 beside 5. What the tests use of it is alike in both. */
declare module 'express4' {
  import express from 'express';
  export default express;
}
