output "dr_contract" {
  description = "What this environment offers, in the shape that every stack shares. A sandbox that died is not drift: whoever reads this checks that the cluster answers."
  value       = module.contract.contract
}

output "sandbox" {
  description = "Name of the sandbox, as in `landfall sandbox kubeconfig NAME`."
  value       = terraform_data.sandbox.output.name
}

output "bucket_folder" {
  description = "Absolute path of the folder that stands for the backup bucket."
  value       = terraform_data.bucket.output.folder
}
