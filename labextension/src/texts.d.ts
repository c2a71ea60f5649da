declare module "text:widget-style.css" {
  const text: string;
  export default text;
}

declare module "text:layout.js" {
  const text: string;
  export default text;
}
