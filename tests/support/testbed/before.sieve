require ["fileinto", "envelope", "subaddress"];
if anyof (header :is "X-Test-Spam" "yes", envelope :detail :is "to" "junk") {
  fileinto "Junk";
  stop;
}
if envelope :detail :is "to" "drop" {
  discard;
  stop;
}
